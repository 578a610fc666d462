"""Options that several commands share, and how they print."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_DATA_DIR = "data"


def config_option(function: F) -> F:
    """Add `--config`."""
    return click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="GATEWAY_CONFIG",
        show_envvar=True,
        help="The config file; without one, the defaults hold.",
    )(function)


def data_dir_option(function: F) -> F:
    """Add `--data-dir`."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        default=DEFAULT_DATA_DIR,
        show_default=True,
        envvar="GATEWAY_DATA_DIR",
        show_envvar=True,
        help="Where the store, the keys and the spool are.",
    )(function)


def json_option(function: F) -> F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(
        function
    )


def local_options(function: F) -> F:
    """Add what every command on the store takes."""
    return config_option(data_dir_option(json_option(function)))


def show(value: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one thing: as JSON, or a line for each member."""
    if as_json:
        click.echo(json.dumps(value))
        return
    width = max((len(name) for name in value), default=0)
    for name, member in value.items():
        click.echo(f"{name.ljust(width)}  {_plain(member)}")


def show_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    as_json: bool,
    right: Collection[str] = (),
) -> None:
    """Print many things: as a JSON list, or as a table. Columns in `right` are aligned there."""
    if as_json:
        click.echo(json.dumps(list(rows)))
        return
    cells = [[_plain(row.get(column)) for column in columns] for row in rows]
    widths = [
        max(len(column), *(len(line[place]) for line in cells), 0)
        for place, column in enumerate(columns)
    ]
    for line in ([column.upper() for column in columns], *cells):
        aligned = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, cell, width in zip(columns, line, widths, strict=True)
        ]
        click.echo("  ".join(aligned).rstrip())


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        return ",".join(str(item) for item in value) or "-"
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value)
