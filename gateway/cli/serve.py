"""`gateway serve`: run the gateway. This process stays light: it only watches over the workers."""

import sys
from pathlib import Path

import click

from gateway.cli.options import config_option, data_dir_option
from gateway.config.load import load
from gateway.endpoints.log import configure_logging
from gateway.errors import ConfigError
from gateway.supervisor.run import run
from gateway.supervisor.settings import Listen, ServeSettings


@click.command()
@config_option
@data_dir_option
@click.option("--host", help="The address to listen on; default: listeners.host.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; default: listeners.port.")
@click.option("--workers", type=click.IntRange(1, 256), help="How many; default: workers.")
def command(
    config_path: Path | None,
    data_dir: Path,
    host: str | None,
    port: int | None,
    workers: int | None,
) -> None:
    """Serve until SIGTERM or Ctrl-C. SIGHUP reloads the configuration."""
    try:
        settings = serve_settings(config_path, data_dir, host, port, workers)
    except ConfigError as error:
        click.echo(f"gateway: {error}", err=True)
        sys.exit(1)
    sys.exit(run(settings))


def serve_settings(
    config_path: Path | None,
    data_dir: Path,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
) -> ServeSettings:
    """Return what to serve; what the command line leaves out is as the config says.

    Raises ConfigError.
    """
    loaded = load(config_path)
    config = loaded.config
    configure_logging(config.logging.level)
    listen = Listen(
        host=config.listeners.host if host is None else host,
        port=config.listeners.port if port is None else port,
    )
    url = loaded.secrets.store_url
    return ServeSettings(
        data_dir=str(data_dir.resolve()),
        config_path=str(config_path.resolve()) if config_path else None,
        store_url=url.reveal() if url else None,
        listeners=(listen,),
        workers=config.workers if workers is None else workers,
        drain_notice_s=config.drain.notice_s,
        drain_limit_s=config.drain.limit_s,
    )
