"""`gateway sandbox`: an upstream simulator, for trying things out without an account anywhere."""

import sys

import click

from gateway.sandbox.server import serve


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8090, show_default=True, help="The port; 0 takes a free one.")
@click.option("--quiet", is_flag=True, help="Do not say where it listens.")
def command(host: str, port: int, quiet: bool) -> None:  # passed by name
    """Play the providers: OpenAI at /openai/v1, Anthropic at /anthropic.

    The model's name picks the scene; gateway/sandbox/README.md lists them.
    """

    def announce(real_port: int) -> None:
        if not quiet:
            click.echo(f"sandbox on http://{host}:{real_port}")

    try:
        serve(host, port, on_ready=announce)
    except OSError as error:
        click.echo(f"gateway: cannot listen on {host}:{port}: {error.strerror}", err=True)
        sys.exit(1)
