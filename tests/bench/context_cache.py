"""What the context block costs in the vendors' prompt caches: `python -m tests.bench.context_cache`.

Plays one conversation through our request builders into the sandbox's caches, for each way a client
may mark it, and prints the tables of `gateway/context/CACHING.md`; `--write` puts them there.
Deterministic: no clock, no network.
"""

import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.sandbox.cache import PromptCache, PromptCounts
from gateway.types.context import BreakpointPolicy
from gateway.wire.chat_read import read_chat
from tests.context.upstream_bodies import built, injected, make_target, read_by_vendor

PAGE = Path(__file__).parents[2] / "gateway" / "context" / "CACHING.md"
TURNS, CHANGED_TURN = 10, 6
GAP_S = 60.0  # between two turns; within the five minutes that a cache lives
READ, WRITE = 0.1, 1.25  # what a token read from, and written to, a marked cache costs

_SYSTEM = "You are the companion of a journalling app. " * 136  # 1,500 tokens of four bytes
_ENTRY = "- Wrote about work, slept well, walked for an hour in the rain.\n"
_QUESTION = "How did my week compare with the one before, and what should I try next? " * 3
_ANSWER = "You slept better on the days you walked; keep the walks and the early nights. " * 8
_TOOL = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}
_CALLS = 12  # tool calls of the turn before the last, where a scenario has them
_MARKER = {"type": "ephemeral"}


@dataclass(frozen=True)
class Scenario:
    """What happens to the block before turn 6; `block` False: there is none."""

    title: str
    block: bool = True
    change: str | None = None  # "record" | "date"
    calls: bool = False


@dataclass(frozen=True)
class Marking:
    """What the client marks, and the operator's policy."""

    client: str  # words out of: system, last, automatic
    policy: BreakpointPolicy


SCENARIOS = (
    Scenario("no context", block=False),
    Scenario("block stays"),
    Scenario("a record changes", change="record"),
    Scenario("the date turns", change="date"),
    Scenario("block stays, 12 tool calls in turn 5", calls=True),
)
MARKINGS = tuple(
    Marking(client, policy)
    for client in ("", "system", "last", "system + last", "automatic")
    for policy in (BreakpointPolicy.NEVER, BreakpointPolicy.ALWAYS)
)
AUTOMATIC = (
    ("openai", "gpt-4o"),
    ("azure", "gpt-4o"),
    ("gemini", "gemini-2.5-flash"),
    ("mistral", "mistral-large-latest"),
    ("cohere", "command-a-03-2025"),
)
MARKED = (
    ("anthropic", "claude-sonnet-4-5"),
    ("vertex", "claude-sonnet-4-5"),
    ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
)
"""The first one is in the tables; a test says that the others come out the same."""


def play(kind: str, model: str, scenario: Scenario, marking: Marking) -> list[PromptCounts]:
    """Return what the vendor counted in each turn."""
    target, cache = make_target(kind, model), PromptCache()
    found = []
    for turn in range(1, TURNS + 1):
        chat = read_chat(_body(turn, scenario, marking.client))
        text = _block(turn, scenario) if scenario.block else ""
        request = built(injected(chat, target, text, marking.policy), target)
        spoken, prompt = read_by_vendor(request, target)
        found.append(spoken.count(prompt, "key", cache, turn * GAP_S))
    return found


def _body(turn: int, scenario: Scenario, marks: str) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": _text(_SYSTEM)}]
    for number in range(1, turn + 1):
        messages.append({"role": "user", "content": _text(f"{number}. {_QUESTION}")})
        if number < turn:
            if scenario.calls and number == CHANGED_TURN - 1:
                messages += _loop()
            messages.append({"role": "assistant", "content": _ANSWER})
    if "system" in marks:
        messages[0]["content"][0]["cache_control"] = _MARKER
    if "last" in marks:
        messages[-1]["content"][0]["cache_control"] = _MARKER
    end = {"cache_control": _MARKER} if marks == "automatic" else {}
    return {"model": "m", "messages": messages, "tools": [_TOOL], **end}


def _loop() -> Iterator[dict[str, Any]]:
    for number in range(_CALLS):
        call_id = f"call{number:05}"
        call = {"name": "search", "arguments": f'{{"page": {number}}}'}
        tool_call = {"id": call_id, "type": "function", "function": call}
        yield {"role": "assistant", "content": None, "tool_calls": [tool_call]}
        yield {"role": "tool", "tool_call_id": call_id, "content": _ENTRY}


def _text(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}]


def _block(turn: int, scenario: Scenario) -> str:
    """Return a block of about 800 tokens, in the form of the real one."""
    change = scenario.change if turn >= CHANGED_TURN else None
    today = "Tuesday" if change == "date" else "Monday"
    entries = _ENTRY * 49 + ("- Saw a heron.\n" if change == "record" else "")
    body = f"Name: Ada\nToday: {today}\nJournal:\n{entries}"
    marker = hashlib.sha256(body.encode()).hexdigest()[:16]
    return f"<user_context {marker}>\n{body}</user_context {marker}>"


def render() -> str:
    """Return the tables, as Markdown."""
    return "\n".join((_costs(), _changed_turn(), _automatic()))


def _costs() -> str:
    """Claude: the whole conversation, in tokens of the full price."""
    rows = []
    for marking in MARKINGS:
        runs = [play(*MARKED[0], scenario, marking) for scenario in SCENARIOS]
        rows.append([*_names(marking), *(f"{_price(run):,}" for run in runs)])
    head = ("client marks", "block marked", *(scenario.title for scenario in SCENARIOS))
    return _table(f"Claude, {TURNS} turns: prompt tokens as if all had the full price", head, rows)


def _changed_turn() -> str:
    shown = SCENARIOS[1:]
    rows = []
    for marking in MARKINGS:
        runs = [play(*MARKED[0], scenario, marking) for scenario in shown]
        rows.append([*_names(marking), *(_split(run[CHANGED_TURN - 1]) for run in runs)])
    head = ("client marks", "block marked", *(scenario.title for scenario in shown))
    return _table(f"Claude, turn {CHANGED_TURN}: fresh / read / written", head, rows)


def _automatic() -> str:
    shown = SCENARIOS[:4]
    plain = Marking("", BreakpointPolicy.CLIENT)
    rows = []
    for kind, model in AUTOMATIC:
        runs = [play(kind, model, scenario, plain) for scenario in shown]
        counts = [run[CHANGED_TURN - 1] for run in runs]
        rows.append([kind, *(f"{one.input:,} / {one.cache_read:,}" for one in counts)])
    head = ("provider", *(scenario.title for scenario in shown))
    return _table(f"Caches without markers, turn {CHANGED_TURN}: fresh / read", head, rows)


def _names(marking: Marking) -> tuple[str, str]:
    marked = "no" if marking.policy is BreakpointPolicy.NEVER else "yes"
    return marking.client or "nothing", marked


def _price(run: list[PromptCounts]) -> int:
    return round(sum(c.input + READ * c.cache_read + WRITE * c.cache_write for c in run))


def _split(counts: PromptCounts) -> str:
    return f"{counts.input:,} / {counts.cache_read:,} / {counts.cache_write:,}"


def _table(title: str, head: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return f"{title}:\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def with_tables(page: str) -> str:
    """Return a page with its tables as they come out now."""
    head = "<!-- figures: made by `python -m tests.bench.context_cache --write` -->\n"
    new = f"{head}{render()}<!-- end -->"
    return re.sub(re.escape(head) + r".*?<!-- end -->", lambda _: new, page, flags=re.DOTALL)


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(render())
