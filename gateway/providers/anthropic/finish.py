"""How a reply ended, in OpenAI's words, and the members that OpenAI has no word for."""

from collections.abc import Mapping
from typing import Any

from gateway.providers.anthropic.lenient import as_list, as_object, as_text
from gateway.types import events as ev
from gateway.types.json import JsonObject

_FINISH: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "compaction": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_TOP_LEVEL = ("container", "context_management", "diagnostics", "input_transformations")
_OF_A_CALL = ("type", "id", "name", "input", "cache_control")


def finish_reason(native: str | None, *, has_calls: bool, gave_answer: bool) -> str:
    """Return one of OpenAI's five words; what is unknown counts as a plain stop.

    An answer that came as the input of a tool of ours is no call of the client's.
    """
    if native is None:
        return "tool_calls" if has_calls else "stop"
    reason = _FINISH.get(native, "stop")
    if reason == "tool_calls" and gave_answer and not has_calls:
        return "stop"
    return reason


def stop_extras(delta: JsonObject) -> dict[str, Any]:
    """Return the members of a choice that say what stopped it."""
    extras: dict[str, Any] = {}
    if isinstance(delta.get("stop_sequence"), str):
        extras["stop_sequence"] = delta["stop_sequence"]
    if as_object(delta.get("stop_details")):
        extras["stop_details"] = delta["stop_details"]
    return extras


def top_level_extras(members: JsonObject) -> dict[str, Any]:
    """Return the members of a reply that a client of Anthropic's features needs."""
    return {name: members[name] for name in _TOP_LEVEL if members.get(name)}


def call_extras(raw: JsonObject) -> dict[str, Any]:
    """Return what a call carries besides its name and input, in the member clients echo."""
    own = {name: value for name, value in raw.items() if name not in _OF_A_CALL}
    if as_object(own.get("caller")).get("type") == "direct":
        del own["caller"]  # the plain case, and the default on the way back
    own = {name: value for name, value in own.items() if value is not None}
    return {"extra_content": {"anthropic": own}} if own else {}


def annotations(raw: JsonObject, start: int, end: int) -> list[ev.Event]:
    """Return the web pages a text block cites; the range is in characters of the whole answer."""
    found: list[ev.Event] = []
    for citation in as_list(raw.get("citations")):
        source = as_object(citation)
        if source.get("type") != "web_search_result_location":
            continue  # the others point into documents: they are in the native content
        cited = {
            "url": as_text(source.get("url")),
            "title": as_text(source.get("title")),
            "start_index": start,
            "end_index": end,
        }
        found.append(ev.Annotation(0, {"type": "url_citation", "url_citation": cited}))
    return found
