"""The command line. A command's module is loaded when it is called: `serve` must start light."""

import importlib
import sys
from collections.abc import Mapping
from types import MappingProxyType

import click

from gateway import __version__
from gateway.errors import ConfigError, GatewayError
from gateway.supervisor.dumps import forbid_core_dumps

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "serve": "gateway.cli.serve",
        "demo": "gateway.cli.demo",
        "check": "gateway.cli.check",
        "reload": "gateway.cli.reload",
        "user": "gateway.cli.user",
        "token": "gateway.cli.token",
        "key": "gateway.cli.key",
        "rotate-kek": "gateway.cli.rotate_kek",
        "usage": "gateway.cli.usage",
        "prices": "gateway.cli.prices",
        "sandbox": "gateway.cli.sandbox",
    }
)
"""Every command and the module that defines it, as an attribute named `command`."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return every command's name, in the order a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gateway")
def group() -> None:
    """Run a self-hosted, OpenAI-compatible AI gateway whose users bring their own keys."""


def main() -> None:
    """Run the command line. Exit codes: 0, 1 (failed), 2 (usage)."""
    forbid_core_dumps()
    try:
        group(standalone_mode=True)
    except (ConfigError, GatewayError) as error:
        click.echo(f"gateway: {error}", err=True)
        sys.exit(1)
