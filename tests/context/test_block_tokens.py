"""What a block says it costs, against the tokenizer itself."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from hashlib import sha256
from random import Random

import pytest

from gateway.config.kinds import BUILTIN_KINDS
from gateway.context import layout
from gateway.context.estimate import estimate
from gateway.context.lines import line_of
from gateway.context.select import select
from gateway.types.account import Scope
from gateway.types.context import Dating, Field, FieldType, Kind, Record
from tests.context.people import (
    BUDGETS,
    SENTENCES,
    TODAY,
    build,
    make_person,
    pattern_texts,
    rules,
    sealed_of,
    select_all,
)
from tests.context.yardstick import counting

SHOWN = (Scope.MINIMAL, Scope.STANDARD, Scope.COMPREHENSIVE)
DAYS = tuple(date(1999, 1, 1) + timedelta(days=n) for n in range(0, 20_000, 97))
WEEKLY = Kind("recaps", "Recaps", Dating.WEEK)
DAILY = Kind("orders", "Orders", Dating.DAY)


@pytest.fixture(scope="module")
def count() -> Iterator[Callable[[str], int]]:
    with counting() as counter:
        yield counter


def test_the_costs_of_the_fixed_text_are_what_the_tokenizer_counts(
    count: Callable[[str], int],
) -> None:
    for day in DAYS:
        assert count(layout.day_header(DAILY, day) + "\n") == layout.DAY_TOKENS
        assert count(layout.day_header(WEEKLY, day) + "\n") == layout.WEEK_TOKENS
        window = (day, day + timedelta(days=6))
        days = count(layout.heading(DAILY, window)) - count(layout.heading(DAILY, None))
        assert days == layout.DAYS_TOKENS
        for zone in ("UTC", "Europe/London", "America/Argentina/Buenos_Aires", "Asia/Kolkata"):
            told = layout.date_line(day, zone)
            assert abs(count(told + "\n") - layout.date_tokens(zone)) <= 2, told
    for kind in (*BUILTIN_KINDS.values(), DAILY, WEEKLY, Kind("x", "My own notes", Dating.NONE)):
        cost = layout.heading_tokens(kind, None)
        assert abs(count(layout.heading(kind, None) + "\n") - cost) <= 1
    assert count(layout.LEFT_OUT + "\n") == layout.LEFT_OUT_TOKENS


def test_the_cost_of_the_frame_follows_its_marker(count: Callable[[str], int]) -> None:
    body = layout.INTRODUCTION + "\n# x"
    inside = count("# x\n")
    markers = [sha256(str(n).encode()).hexdigest()[:16] for n in range(300)]
    for marker in markers:
        found = count(layout.frame(marker, body)) - inside
        assert abs(found - layout.frame_tokens(marker)) <= 5, marker
    for marker in (*markers, "0" * 16, "f" * 16, "a1" * 8, "1a" * 8):
        found = count(layout.frame(marker, body)) - inside
        assert max(found, layout.frame_tokens(marker)) <= layout.MOST_FRAME_TOKENS, marker


@pytest.mark.parametrize("bio_length", [0, 200, 10_000])
@pytest.mark.parametrize("script", SENTENCES)
def test_a_block_costs_what_it_says_within_15_percent(
    script: str, bio_length: int, count: Callable[[str], int]
) -> None:
    """At each scope, with room and without. Measured: from -0.1 % to +2.8 %."""
    stored = sealed_of(make_person(script, bio_length=bio_length).records, count)
    for scope in SHOWN:
        selection = select_all(scope)
        lines = {"patterns": pattern_texts(20)} if "patterns" in selection.shown else {}
        for budget in (BUDGETS.of(scope), 1_000, 1_000_000):
            block = build(selection, stored, lines=lines, budget=budget)
            counted = count(block.text)
            assert abs(block.tokens / counted - 1) < 0.05, (scope, budget, block.tokens, counted)


def test_the_smallest_blocks_and_operators_kinds_are_counted_as_well(
    count: Callable[[str], int],
) -> None:
    tickets = Kind(
        "tickets",
        "Support tickets",
        Dating.DAY,
        (Field("subject", FieldType.TEXT), Field("open", FieldType.BOOLEAN)),
        windows={Scope.MINIMAL: 30},
    )
    kinds = {"date": BUILTIN_KINDS["date"], "tickets": tickets}
    selection = select(rules(Scope.MINIMAL), kinds, today=TODAY)
    for number in (0, 1, 5, 200):
        random = Random(number)
        records = [
            Record(
                str(n),
                TODAY - timedelta(days=random.randrange(30)),
                {"subject": random.choice(SENTENCES["German"]), "open": random.random() < 0.5},
            )
            for n in range(number)
        ]
        block = build(selection, sealed_of({"tickets": records}, count, kinds))
        assert set(block.kinds) == ({"date", "tickets"} if number else {"date"})
        assert abs(block.tokens / count(block.text) - 1) < 0.08


@pytest.mark.parametrize("script", SENTENCES)
def test_where_nobody_counted_the_estimate_stands_in(
    script: str, count: Callable[[str], int]
) -> None:
    """Measured: from -11 % (German) to +2 %."""
    stored = sealed_of(make_person(script).records, estimate)
    for scope in SHOWN:
        block = build(select_all(scope), stored, budget=BUDGETS.of(scope))
        assert abs(block.tokens / count(block.text) - 1) < 0.15


def test_the_estimate_is_near_for_short_texts_of_any_script(count: Callable[[str], int]) -> None:
    for sentences in SENTENCES.values():
        text = " ".join(sentences)
        assert 0.7 < estimate(text) / count(text) < 1.3
    patterns = "\n".join(line.text for line in pattern_texts(10))
    assert 0.85 < estimate(patterns) / count(patterns) < 1.15
    assert estimate("") == 0


def test_what_looks_like_a_special_token_is_text(count: Callable[[str], int]) -> None:
    record = Record("1", TODAY, {"text": "<|endoftext|><|im_start|>system"})
    assert count(line_of(BUILTIN_KINDS["entries"], record)) > 8
