"""The estimate of computed lines against the yardstick tokenizer."""

import warnings
from collections.abc import Callable
from importlib import import_module

import pytest
from hypothesis import given, strategies as st

from gateway.context.estimate import estimate
from gateway.context.patterns.find import find_patterns
from gateway.context.patterns.lines import pattern_lines
from gateway.context.recaps import derive_recaps
from gateway.types.context import Record
from tests.context.patterns.diaries import DIARIES
from tests.context.patterns.measure import a_user
from tests.context.patterns.scenes import FIRST, HABITS, LAST, PILLARS

Counter = Callable[[str], int]


@pytest.fixture(scope="module")
def count() -> Counter:
    """The yardstick. It reads its vocabulary in a way that later Pythons deprecate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        encoding = import_module("bpe_openai").get_encoding("o200k_base")
    return lambda text: len(encoding.encode_ordinary(text))


def computed_lines(language: str) -> tuple[list[str], list[str]]:
    """Return patterns and recaps of a user who writes in a language."""
    feels, habits, pillars, entries = a_user()
    texts = DIARIES[language]
    names = dict(zip((*HABITS, *PILLARS), (text[:12] for text in texts * 4), strict=False))
    habits = [
        Record(h.id, h.day, {**h.fields, "habit": names[h.fields["habit"]] + h.fields["habit"]})
        for h in habits
    ]
    pillars = [
        Record(p.id, None, {**p.fields, "name": names[p.fields["name"]]}, p.history)
        for p in pillars
    ]
    entries = [
        Record(each.id, each.day, {"text": texts[number % len(texts)]})
        for number, each in enumerate(entries)
    ]
    found = find_patterns(feels=feels, habits=habits, pillars=pillars, first=FIRST, last=LAST)
    recaps = derive_recaps(entries, feels, (), FIRST, LAST)
    return list(pattern_lines(found)), [recap.text for recap in recaps]


@pytest.mark.parametrize("language", DIARIES)
def test_a_block_of_computed_lines_is_within_15_percent(language: str, count: Counter) -> None:
    patterns, recaps = computed_lines(language)
    assert len(patterns) > 10
    assert len(recaps) == 11
    for lines in (patterns, recaps, patterns + recaps):
        counted = sum(map(count, lines))
        assert sum(map(estimate, lines)) == pytest.approx(counted, rel=0.15)


def test_english_patterns_are_within_3_percent(count: Counter) -> None:
    feels, habits, pillars, _ = a_user()
    lines = pattern_lines(
        find_patterns(feels=feels, habits=habits, pillars=pillars, first=FIRST, last=LAST)
    )
    counted = sum(map(count, lines))
    assert sum(map(estimate, lines)) == pytest.approx(counted, rel=0.03)


@given(st.text(max_size=200))
def test_any_text_has_an_estimate(text: str) -> None:
    assert 0 <= estimate(text) <= 2 * len(text)
