"""`gateway check`: say every fault of a config file, with its place."""

import json
import sys
from pathlib import Path

import click

from gateway.cli.options import json_option
from gateway.config.load import check_config


@click.command()
@json_option
@click.argument("config", type=click.Path(path_type=Path))
def command(as_json: bool, config: Path) -> None:  # click passes options by name
    """Check CONFIG; exit with 1 if it has faults."""
    faults = check_config(config)
    if as_json:
        click.echo(json.dumps([{"path": f.path, "message": f.message} for f in faults]))
    else:
        for fault in faults:
            click.echo(str(fault), err=True)
        if not faults:
            click.echo(f"{config}: no faults")
    sys.exit(1 if faults else 0)
