"""`gateway prices`: what models cost, and what an update of the catalogue would change."""

import importlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.accounting.cost import format_usd
from gateway.accounting.price_changes import Kind, PriceDifference, compare, price_parts
from gateway.catalogue.lookup import Catalogue
from gateway.cli.options import config_option, json_option, show_table
from gateway.config.load import load
from gateway.config.snapshot import compile_config
from gateway.config.system_clock import SystemClock

_MAKER = "gateway.catalogue.make"
_INSTALL = (
    "genai-prices is not installed here, and the gateway does not need it to serve. Install the "
    "version you want to compare with (pip install --upgrade genai-prices), or name a data file."
)


@click.group()
def command() -> None:
    """Look at the prices that requests are booked at."""


@command.command()
@json_option
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there are differences.")
@click.argument(
    "data", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
def diff(as_json: bool, exit_code: bool, data: Path | None) -> None:
    """Show what an update of the catalogue would change: old and new, for each part of a price.

    DATA is the catalogue of another version (gateway/catalogue/data.json); without it, one is made
    from the genai-prices that is installed. Nothing is taken over: that is what `make catalogue`
    and a new version of the gateway do.
    """
    now = SystemClock().now()
    ours = Catalogue.load()
    theirs = _made_now(now) if data is None else _read(data)
    found = list(compare(ours, theirs, now))
    if as_json:
        click.echo(msgspec.json.encode([_public(line) for line in found]).decode())
    else:
        _show(found, ours, theirs)
    sys.exit(1 if exit_code and found else 0)


@command.command()
@config_option
@json_option
@click.option("--provider", help="Only at this provider.")
@click.argument("model")
def show(config_path: Path | None, as_json: bool, provider: str | None, model: str) -> None:
    """Show what MODEL costs now at each provider that is known to have it, as the config has it."""
    loaded = load(config_path)
    snapshot = compile_config(loaded.config, loaded.secrets, Catalogue.load())
    places = [provider] if provider else [p for p in snapshot.providers if snapshot.lists(p, model)]
    now = SystemClock().now()
    rows = [
        {"provider": place, "what": what, "price": _shown(value)}
        for place in places
        for what, value in price_parts(snapshot.model(place, model).price, now).items()
    ]
    show_table(rows, ("provider", "what", "price"), as_json=as_json)
    if not rows:
        click.echo(f"no provider is known to have '{model}'", err=True)
        sys.exit(1)


def _made_now(now: float) -> Catalogue:
    try:
        maker = importlib.import_module(_MAKER)
    except ModuleNotFoundError as error:
        if error.name != "genai_prices":
            raise
        raise click.ClickException(_INSTALL) from None
    made, providers = maker.build(datetime.fromtimestamp(now, UTC).date())
    return Catalogue.decode(maker.render(made, providers).encode())


def _read(path: Path) -> Catalogue:
    try:
        return Catalogue.load(path)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise click.ClickException(f"{path} is no catalogue of the gateway") from None


def _show(found: Sequence[PriceDifference], ours: Catalogue, theirs: Catalogue) -> None:
    names = [f"{c.source.name} {c.source.version} of {c.source.made}" for c in (ours, theirs)]
    if not found:
        click.echo(f"no differences between {names[0]} and {names[1]}")
        return
    rows = [_public(line) for line in found]
    show_table(rows, ("change", "provider", "model", "what", "old", "new", "times"), as_json=False)
    models = {(line.kind, line.provider, line.model) for line in found}
    counts = {kind: sum(kind is entry[0] for entry in models) for kind in Kind}
    click.echo(
        f"\n{names[0]} -> {names[1]}: {counts[Kind.ADDED]} models added, "
        f"{counts[Kind.REMOVED]} removed, {counts[Kind.CHANGED]} changed. "
        "US dollars per million tokens; fees per request or search."
    )


def _public(line: PriceDifference) -> dict[str, Any]:
    old, new = line.old, line.new
    times = None
    if isinstance(old, int) and isinstance(new, int) and old:
        times = f"{new / old:.3g}"
    return {
        "change": line.kind.value,
        "provider": line.provider,
        "model": line.model,
        "what": line.what,
        "old": None if old is None else _shown(old),
        "new": None if new is None else _shown(new),
        "times": times,
    }


def _shown(value: int | str) -> str:
    return value if isinstance(value, str) else format_usd(value)
