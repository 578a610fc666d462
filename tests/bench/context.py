"""What building a context block costs: `python -m tests.bench.context [runs]`.

A user with 84 days of data (each day an entry of 600 characters, 3 feelings and 8 habits; 12
recaps, 6 pillars with a score a week, a profile), over a real store. Prints the CPU milliseconds of
this process for a whole block at each scope, as the pipeline builds it, then how they are made up.
CPU time, not elapsed: the store works in a process of its own meanwhile.
"""

import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import uvloop
from msgspec import Struct

from gateway.config.kinds import BUILTIN_KINDS
from gateway.config.schema_context import Budgets
from gateway.context.budget import computed_line, fit
from gateway.context.counting import draft_records
from gateway.context.patterns.find import find_patterns
from gateway.context.patterns.lines import pattern_lines
from gateway.context.recaps import derive_recaps
from gateway.context.render import Block, Opened, render
from gateway.context.scopes import ScopeRules
from gateway.context.select import Selection, select
from gateway.context.source import ContextSource, Fetched
from gateway.context.stage import load_context
from gateway.context.token_desk import TokenDesk
from gateway.identity.changes import NewUser
from gateway.store.client import connect
from gateway.store.embedded import use_embedded
from gateway.types.account import Preferences, Scope
from gateway.types.context import Record
from gateway.vault.vault import DataKeys
from tests.identity.scene import make_scene

TODAY: Final = date(2026, 11, 23)
NOW: Final = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
DAYS: Final = 84
RUNS: Final = 300
SCOPES: Final = (Scope.MINIMAL, Scope.STANDARD, Scope.COMPREHENSIVE)
BUDGETS: Final = Budgets()
HABITS: Final = (
    "run",
    "read",
    "meditate",
    "cook",
    "piano",
    "walk the dog",
    "Spanish",
    "early to bed",
)
PILLARS: Final = ("Health", "Work", "Family", "Friends", "Money", "Play")
WORDS: Final = (
    "today", "we", "walked", "along", "the", "river", "and", "talked", "about", "garden", "before",
    "rain", "came", "while", "children", "built", "a", "small", "boat", "nobody", "thought", "of",
)  # fmt: skip


class Bench(Struct, frozen=True):
    """One user's records in a store, and what blocks are built with."""

    source: ContextSource
    user_id: str

    def rules(self, scope: Scope) -> ScopeRules:
        return ScopeRules(
            requested=scope, preferences=Preferences(), default=Scope.MINIMAL, ceilings={}
        )

    async def whole(self, scope: Scope) -> Block:
        """Build a block as the pipeline does, from nothing."""
        blocks = await load_context(
            self.source, self.user_id, self.rules(scope), BUILTIN_KINDS, BUDGETS, NOW
        )
        return blocks.block_for("openai", "openai", "gpt-4o")[0]


async def main(runs: int) -> None:
    """Fill a store, then measure each scope."""
    with tempfile.TemporaryDirectory(prefix="gwbench-") as home:
        server = use_embedded(Path(home))
        try:
            async with await connect(server.url, timeout_s=5.0) as store:
                scene = make_scene(store)
                source = ContextSource(store, scene.vault, bytes(range(32)))
                user = await scene.users.create(NewUser())
                keys = (await scene.accounts.load(user.id)).data_keys
                count = await fill(source, keys)
                print(f"a user with {count} records in {DAYS} days; {runs} runs, CPU ms")
                bench = Bench(source, user.id)
                for scope in SCOPES:
                    await measure(bench, scope, runs)
        finally:
            server.release()


async def fill(source: ContextSource, keys: DataKeys) -> int:
    """Write the user's records through the public way; return how many there are."""
    total = 0
    desk = TokenDesk()
    try:
        for kind, records in user_of_84_days().items():
            drafts = await draft_records(desk, BUILTIN_KINDS[kind], records)
            for day in sorted({record.day or TODAY for record in records}):
                of_day = [each for each in drafts if (each.record.day or TODAY) == day]
                await source.put(keys, BUILTIN_KINDS[kind], of_day, day)
            total += len(records)
        for weeks_ago in range(12, -1, -1):  # the scores that the pillars had
            scores = random.Random(weeks_ago)
            pillars = [
                Record(f"p{n}", None, {"name": name, "score": scores.randint(3, 9)})
                for n, name in enumerate(PILLARS)
            ]
            drafts = await draft_records(desk, BUILTIN_KINDS["pillars"], pillars)
            when = TODAY - timedelta(weeks=weeks_ago)
            await source.put(keys, BUILTIN_KINDS["pillars"], drafts, when)
    finally:
        await desk.aclose()
    return total + len(PILLARS)


def user_of_84_days() -> dict[str, list[Record]]:
    """Return the records by kind; the same on every machine."""
    dice = random.Random(84)
    days = [TODAY - timedelta(n) for n in range(DAYS)]
    mondays = [TODAY - timedelta(days=TODAY.weekday(), weeks=n) for n in range(12)]

    def prose(length: int) -> str:
        text = " ".join(dice.choice(WORDS) for _ in range(length // 4))
        return text[: length - 1].capitalize() + "."

    profile = {"name": "Ada", "timezone": "Europe/London", "locale": "en-GB", "job": "engineer"}
    return {
        "profile": [Record("profile", None, profile)],
        "feels": [
            Record(
                f"f{day}.{n}",
                day,
                {"time": f"{8 + 5 * n:02}:15", "mood": dice.randint(1, 10), "label": "calm"},
            )
            for day in days
            for n in range(3)
        ],
        "entries": [Record(f"e{day}", day, {"title": "A day", "text": prose(600)}) for day in days],
        "habits": [
            Record(f"h{day}.{n}", day, {"habit": habit, "done": dice.random() < 0.7})
            for day in days
            for n, habit in enumerate(HABITS)
        ],
        "weekly_recaps": [Record(f"w{day}", day, {"text": prose(400)}) for day in mondays],
    }


async def measure(bench: Bench, scope: Scope, runs: int) -> None:
    """Print a scope's whole, then its stages in the order in which they are gone through."""

    block = await bench.whole(scope)
    print(f"\n{block.receipt()}")
    await report("whole block", lambda: bench.whole(scope), runs)
    stages = await stages_of(bench, scope)
    for name, stage in stages.items():
        await report(f"  {name}", stage, runs)


async def stages_of(bench: Bench, scope: Scope) -> Mapping[str, Callable[[], Awaitable[Any]]]:
    """Return each stage of a block's building as something to be done again and again.

    They are the same calls that `context/stage.py` makes.
    """
    selection = chosen(bench, scope)
    windows = selection.windows()
    fetched = await bench.source.fetch(bench.user_id, windows)
    needed = needed_kinds(selection, fetched)
    opened = bench.source.open_all(fetched.keys, needed)
    lines = computed(selection, opened)
    budget = BUDGETS.of(scope)

    def fitted() -> Any:
        return fit(selection, fetched.sealed, lines, timezone="Europe/London", budget=budget)

    room = fitted()
    shown = Opened(bench.source.open_all(fetched.keys, room.records), TODAY, "Europe/London")
    count = sum(map(len, needed.values()))
    return {
        "select": now(lambda: chosen(bench, scope)),
        f"fetch {sum(map(len, fetched.sealed.values()))}": lambda: bench.source.fetch(
            bench.user_id, windows
        ),
        f"open {count}": now(lambda: bench.source.open_all(fetched.keys, needed)),
        "patterns, recaps": now(lambda: computed(selection, opened)),
        "budget": now(fitted),
        "render": now(
            lambda: render(selection, room, shown, lambda b: bench.source.mark(fetched.keys, b))
        ),
    }


def chosen(bench: Bench, scope: Scope) -> Selection:
    """Resolve a request that asks for this scope."""
    return select(bench.rules(scope), BUILTIN_KINDS, today=TODAY, oldest={})


def needed_kinds(selection: Selection, fetched: Fetched) -> dict[str, Any]:
    """Return what is opened where everything fits: all that is shown or computed from."""
    return {kind: found for kind, found in fetched.sealed.items() if kind in selection.windows()}


def computed(selection: Selection, opened: Mapping[str, list[Record]]) -> dict[str, Any]:
    """Compute patterns and recaps, where this scope shows them."""
    patterns, recaps = selection.shown.get("patterns"), selection.shown.get("weekly_recaps")
    lines: dict[str, Any] = {}
    if patterns is not None and patterns.window is not None:
        first, last = patterns.window
        found = find_patterns(
            feels=opened["feels"],
            habits=opened["habits"],
            pillars=opened["pillars"],
            first=first,
            last=last,
        )
        lines["patterns"] = [computed_line(text) for text in pattern_lines(found)]
    if recaps is not None and recaps.window is not None:
        first, last = recaps.window
        written = {record.day for record in opened["weekly_recaps"] if record.day}
        derived = derive_recaps(opened["entries"], opened["feels"], written, first, last)
        lines["weekly_recaps"] = [computed_line(each.text, each.monday) for each in derived]
    return lines


def now(do: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    """Return a plain function as an awaitable one."""

    async def done() -> Any:
        return do()

    return done


async def report(name: str, do: Callable[[], Awaitable[Any]], runs: int) -> None:
    """Print the median and the 95th percentile of the CPU time of one run."""
    for _ in range(5):
        await do()
    gc.collect()
    taken = []
    for _ in range(runs):
        began = time.process_time()
        await do()
        taken.append((time.process_time() - began) * 1_000)
    taken.sort()
    p95 = taken[int(len(taken) * 0.95)]
    print(f"{name:24} median {statistics.median(taken):7.3f}   p95 {p95:7.3f}")


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS))
