"""`gateway reload`: have the running gateway read its configuration and its key ring again."""

import sys
from pathlib import Path

import click

from gateway.cli.options import data_dir_option
from gateway.cli.signals import NotSignalled, tell_reload


@click.command()
@data_dir_option
def command(data_dir: Path) -> None:
    """Take a changed configuration into use without a dropped request.

    Tells the gateway that serves from the data directory, as SIGHUP does. A file with a fault
    changes nothing; the gateway's log says what came of it.
    """
    try:
        pid = tell_reload(data_dir)
    except NotSignalled as error:
        click.echo(f"gateway: {error}", err=True)
        sys.exit(1)
    if pid is None:
        click.echo(f"gateway: no gateway serves from {data_dir}", err=True)
        sys.exit(1)
    click.echo(f"reloading (pid {pid}); see its log")
