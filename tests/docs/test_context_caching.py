"""The figures in the page on prompt caches are those the sandbox's caches give."""

import pytest

from gateway.sandbox.cache import PromptCounts
from gateway.types.context import BreakpointPolicy
from tests.bench.context_cache import (
    CHANGED_TURN,
    MARKED,
    MARKINGS,
    PAGE,
    SCENARIOS,
    Marking,
    Scenario,
    play,
    with_tables,
)

STAYS, CALLS = SCENARIOS[1], SCENARIOS[4]
CHANGES = SCENARIOS[2:4]
EACH_MARKING = pytest.mark.parametrize("marking", MARKINGS, ids=str)


def price(run: list[PromptCounts]) -> float:
    return sum(one.input + 0.1 * one.cache_read + 1.25 * one.cache_write for one in run)


def test_the_figures_are_as_the_command_makes_them() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert with_tables(page) == page, "run `python -m tests.bench.context_cache --write`"
    assert page.count("| system + last |") == 4


@EACH_MARKING
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.title)
def test_claude_costs_the_same_wherever_it_runs(scenario: Scenario, marking: Marking) -> None:
    here, at_google, at_amazon = (play(*where, scenario, marking) for where in MARKED)

    assert here == at_google
    for one, other in zip(here, at_amazon, strict=True):
        assert abs(one.cache_read - other.cache_read) < 10
        assert abs(one.cache_write - other.cache_write) < 10


@pytest.mark.parametrize("client", ["system", "last", "system + last", "automatic"])
def test_the_blocks_breakpoint_never_costs_more_than_it_saves(client: str) -> None:
    for scenario in (STAYS, CALLS):
        without, having = (
            price(play(*MARKED[0], scenario, Marking(client, policy)))
            for policy in (BreakpointPolicy.NEVER, BreakpointPolicy.CLIENT)
        )
        assert having <= without


def test_a_stable_block_is_read_and_a_changed_one_written_once() -> None:
    marking = Marking("system + last", BreakpointPolicy.CLIENT)
    stays = play(*MARKED[0], STAYS, marking)
    for change in CHANGES:
        changed = play(*MARKED[0], change, marking)
        at = CHANGED_TURN - 1

        assert changed[:at] == stays[:at]
        assert changed[at].cache_read == 1512  # the client's own prompt, which it marked
        assert changed[at].cache_write > 1900  # the block and the history behind it
        assert all(one.cache_write < 250 for one in changed[at + 1 :])
