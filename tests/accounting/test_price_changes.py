"""The comparison of two catalogues, as `gateway prices diff` shows it."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from gateway.accounting.price_changes import Kind, compare, price_parts
from gateway.catalogue.lookup import Catalogue
from gateway.catalogue.rows import ModelRow, ProviderRows, Rule, Source
from gateway.cli.prices import command
from gateway.types.models import (
    FREE_PRICE,
    UNKNOWN_PRICE,
    ModelPrice,
    Price,
    PriceChange,
    PriceState,
    PriceTier,
    ServicePrice,
)

NOW = 1_795_435_200.0  # 2026-11-23 12:00 UTC
BASE = Price(input=10**9, output=2 * 10**9)


def priced(base: Price = BASE, **more: object) -> ModelPrice:
    return ModelPrice(PriceState.PRICED, base, **more)  # type: ignore[arg-type]


def catalogue(**prices: ModelPrice) -> Catalogue:
    rows = tuple(ModelRow(name, Rule(equals=(name,)), price) for name, price in prices.items())
    source = Source("test", "1", "2026-11-23")
    file = {"source": source, "providers": {"openai": ProviderRows(rows)}}
    return Catalogue.decode(msgspec.json.encode(file))


def lines(old: Catalogue, new: Catalogue) -> list[tuple[str, str, str, object, object]]:
    return [
        (line.kind.value, line.model, line.what, line.old, line.new)
        for line in compare(old, new, NOW)
    ]


def test_the_same_catalogue_has_no_differences() -> None:
    assert lines(catalogue(a=priced()), catalogue(a=priced())) == []
    assert list(compare(Catalogue.load(), Catalogue.load(), NOW)) == []


def test_models_that_come_and_go_are_named_with_their_prices() -> None:
    assert lines(catalogue(a=FREE_PRICE), catalogue(b=priced())) == [
        ("removed", "a", "state", "free", None),
        ("added", "b", "state", None, "priced"),
        ("added", "b", "input", None, 10**9),
        ("added", "b", "output", None, 2 * 10**9),
    ]


def test_only_the_buckets_that_change_are_shown() -> None:
    new = priced(Price(input=10**9, output=3 * 10**9, cache_read=5), per_request=7)
    assert lines(catalogue(a=priced()), catalogue(a=new)) == [
        (Kind.CHANGED.value, "a", "output", 2 * 10**9, 3 * 10**9),
        ("changed", "a", "cache_read", None, 5),
        ("changed", "a", "per request", None, 7),
    ]


def test_a_price_that_nobody_knows_any_more_is_a_change_of_state() -> None:
    changed = lines(catalogue(a=priced()), catalogue(a=UNKNOWN_PRICE))
    assert ("changed", "a", "state", "priced", "unknown") in changed


def test_an_announced_price_that_has_come_into_force_is_no_difference() -> None:
    later = Price(input=5, output=6)
    announced = priced(changes=(PriceChange(later, since=int(NOW) - 10),))
    assert lines(catalogue(a=announced), catalogue(a=priced(later))) == []


def test_tiers_peaks_announcements_and_services_are_named() -> None:
    other = Price(input=3, output=4)
    price = priced(
        tiers=(PriceTier(200_000, other),),
        changes=(
            PriceChange(other, daily=(3_600, 4 * 3_600), weekdays=True),
            PriceChange(other, since=int(NOW) + 86_400),
        ),
        services=(ServicePrice("flex", other),),
        per_search=9,
    )
    parts = price_parts(price, NOW)
    assert parts["input above 200000"] == 3
    assert parts["Mon-Fri 01:00-04:00 UTC output"] == 4
    assert parts["from 2026-11-24 input"] == 3
    assert parts["flex output"] == 4
    assert parts["per search"] == 9


@pytest.fixture
def changed_data(tmp_path: Path) -> Path:
    """Today's catalogue, in which one price has changed."""
    committed = Path(__file__).parents[2] / "gateway" / "catalogue" / "data.json"
    text = committed.read_text(encoding="utf-8")
    old = '{"id":"gpt-4o-mini","rule":'
    at = text.index(old)
    changed = text[at:].replace('"output":600000000', '"output":900000000', 1)
    path = tmp_path / "data.json"
    path.write_text(text[:at] + changed, encoding="utf-8")
    return path


def test_the_command_shows_old_and_new_and_by_how_much(changed_data: Path) -> None:
    result = CliRunner().invoke(command, ["diff", str(changed_data)])
    assert result.exit_code == 0, result.output
    [row] = [line.split() for line in result.output.splitlines() if line.startswith("changed")]
    assert row == ["changed", "openai", "gpt-4o-mini", "output", "0.6", "0.9", "1.5"]


def test_a_script_gets_json_and_an_exit_code_if_it_asks(changed_data: Path) -> None:
    result = CliRunner().invoke(command, ["diff", "--json", "--exit-code", str(changed_data)])
    assert result.exit_code == 1
    assert msgspec.json.decode(result.output) == [
        {
            "change": "changed",
            "provider": "openai",
            "model": "gpt-4o-mini",
            "what": "output",
            "old": "0.6",
            "new": "0.9",
            "times": "1.5",
        }
    ]


def test_a_file_that_is_no_catalogue_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{}", encoding="utf-8")
    result = CliRunner().invoke(command, ["diff", str(path)])
    assert result.exit_code == 1
    assert "is no catalogue" in result.output


def test_a_models_price_is_shown_as_the_config_has_it(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("prices: {discounts: {openai: 0.5}}\n", encoding="utf-8")
    arguments = ["show", "--config", str(config), "--provider", "openai", "--json", "gpt-4o"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    shown = {row["what"]: row["price"] for row in msgspec.json.decode(result.output)}
    assert (shown["state"], shown["input"]) == ("priced", "1.25")
