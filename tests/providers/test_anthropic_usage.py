"""Anthropic: token counts."""

from typing import Any

import pytest

from gateway.providers.anthropic.usage import UsageTotals
from gateway.types.usage import Usage


def totals(*updates: Any) -> Usage:
    found = UsageTotals()
    for update in updates:
        found.update(update)
    return found.usage


def test_later_counts_overwrite_earlier_ones_and_null_overwrites_nothing() -> None:
    begun = {"input_tokens": 2479, "cache_read_input_tokens": 7, "output_tokens": 1}
    ended = {"input_tokens": 404500, "cache_read_input_tokens": None, "output_tokens": 90}

    assert totals(begun, ended) == Usage(input=404500, cache_read=7, output=90)
    assert totals(begun, {"output_tokens": 0}) == Usage(input=2479, cache_read=7, output=0)


@pytest.mark.parametrize(
    ("updates", "short", "long"),
    [
        ([{"cache_creation_input_tokens": 10}], 10, 0),
        (
            [
                {
                    "cache_creation_input_tokens": 10,
                    "cache_creation": {
                        "ephemeral_5m_input_tokens": 4,
                        "ephemeral_1h_input_tokens": 6,
                    },
                }
            ],
            4,
            6,
        ),
        (
            [{"cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6}}],
            4,
            6,
        ),
        (
            [
                {
                    "cache_creation_input_tokens": 0,
                    "cache_creation": {
                        "ephemeral_5m_input_tokens": 0,
                        "ephemeral_1h_input_tokens": 0,
                    },
                },
                {"cache_creation_input_tokens": 17269},
            ],
            17269,
            0,
        ),
        (
            [
                {
                    "cache_creation_input_tokens": 5,
                    "cache_creation": {
                        "ephemeral_5m_input_tokens": 0,
                        "ephemeral_1h_input_tokens": 5,
                    },
                },
                {"cache_creation_input_tokens": 9},
            ],
            0,
            9,
        ),
    ],
)
def test_cache_writes_are_split_by_how_long_they_last(
    updates: list[Any], short: int, long: int
) -> None:
    assert totals(*updates) == Usage(cache_write=short, cache_write_1h=long)


def test_thinking_is_taken_out_of_the_output() -> None:
    usage = totals({"output_tokens": 92, "output_tokens_details": {"thinking_tokens": 53}})

    assert usage == Usage(output=39, reasoning=53)
    assert usage.completion == 92


def test_compaction_is_booked_on_top_and_other_iterations_are_not() -> None:
    iterations = [
        {"type": "message", "input_tokens": 23000, "output_tokens": 1000},
        {
            "type": "compaction",
            "input_tokens": 180000,
            "output_tokens": 3500,
            "cache_read_input_tokens": 1,
        },
        {
            "type": "advisor_message",
            "model": "claude-fable-5",
            "input_tokens": 9,
            "output_tokens": 9,
        },
        "nonsense",
    ]

    usage = totals({"input_tokens": 23000, "output_tokens": 1000, "iterations": iterations})

    assert usage == Usage(input=203000, cache_read=1, output=4500)


@pytest.mark.parametrize(
    "nonsense", [None, 7, [], {"input_tokens": "5"}, {"input_tokens": -1}, {"input_tokens": True}]
)
def test_nonsense_counts_nothing(nonsense: Any) -> None:
    assert totals(nonsense) == Usage()


def test_fractions_are_cut_to_whole_tokens() -> None:
    assert totals({"input_tokens": 5.0}) == Usage(input=5)
