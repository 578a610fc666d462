"""Hypothesis strategies: client bodies as applications send them, with cache markers anywhere."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Body = dict[str, Any]
Mark = Callable[[Body], None]

TEXTS = st.sampled_from(["Be brief.", "How was my week?", "é😀\u2028", '"}]}', "{{7*7}} %s"])
TTLS = st.sampled_from([None, "5m", "1h"])
_TOOL = {"name": "look_up", "parameters": {"type": "object", "properties": {"q": {}}}}


@st.composite
def bodies(draw: st.DrawFn, *, faulty: bool = False) -> Body:
    """A chat request. Its markers stand in an order providers take, unless `faulty` says otherwise."""
    body: Body = {"model": "m", "messages": []}
    places: list[Body] = []  # where a marker may stand, in the order in which prefixes are cached
    for number in range(draw(st.integers(0, 2))):
        tool = {"type": "function", "function": {**_TOOL, "name": f"look_up_{number}"}}
        body.setdefault("tools", []).append(tool)
        places.append(tool)
    for _ in range(draw(st.integers(0, 3))):
        _say(draw, body, places, draw(st.sampled_from(["system", "system", "developer"])))
    _say(draw, body, places, "user")
    for kind in draw(st.lists(st.sampled_from(["answer", "loop", "system"]), max_size=4)):
        if kind == "loop" and "tools" in body:
            _add_loop(draw, body, places)
        elif kind == "system":
            _say(draw, body, places, "system")
        else:
            _say(draw, body, places, "assistant")
            _say(draw, body, places, "user")
    _mark(draw, body, places, faulty=faulty)
    return body


def _say(draw: st.DrawFn, body: Body, places: list[Body], role: str) -> None:
    message: Body = {"role": role, "content": draw(TEXTS)}
    if draw(st.booleans()):
        parts = [{"type": "text", "text": draw(TEXTS)} for _ in range(draw(st.integers(1, 2)))]
        message["content"] = parts
        places += parts
    else:
        places.append(message)
    body["messages"].append(message)


def _add_loop(draw: st.DrawFn, body: Body, places: list[Body]) -> None:
    at = len(body["messages"])
    calls = [
        {
            "id": f"call{at}{number}xx"[:9].ljust(9, "x"),
            "type": "function",
            "function": {"name": "look_up_0", "arguments": '{"q": 1.10}'},
        }
        for number in range(draw(st.integers(1, 2)))
    ]
    body["messages"].append({"role": "assistant", "content": None, "tool_calls": calls})
    for call in calls:
        result: Body = {"role": "tool", "tool_call_id": call["id"], "content": draw(TEXTS)}
        body["messages"].append(result)
        places.append(result)


def _mark(draw: st.DrawFn, body: Body, places: list[Body], *, faulty: bool) -> None:
    count = draw(st.integers(0, 4))
    chosen = sorted(draw(st.sets(st.integers(0, len(places) - 1), max_size=count)))
    automatic = draw(st.booleans()) and (faulty or len(chosen) < 4)
    ttls = draw(st.lists(TTLS, min_size=len(chosen) + 1, max_size=len(chosen) + 1))
    if not faulty:
        ttls.sort(key=lambda ttl: ttl != "1h")  # longer lifetimes stand first
        if automatic and chosen and chosen[-1] == len(places) - 1:
            ttls[-1] = ttls[-2]  # two markers of one block must agree
    for place, ttl in zip(chosen, ttls, strict=False):
        places[place]["cache_control"] = _marker(ttl)
    if automatic:
        body["cache_control"] = _marker(ttls[len(chosen)])


def _marker(ttl: str | None) -> Body:
    return {"type": "ephemeral"} if ttl is None else {"type": "ephemeral", "ttl": ttl}
