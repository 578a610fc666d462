"""How a reply ended, in OpenAI's words, and the members that OpenAI has no word for."""

from collections.abc import Mapping
from typing import Any

from gateway.providers.anthropic.lenient import as_list, as_object, as_text
from gateway.providers.bedrock.usage import server_tools
from gateway.types import events as ev
from gateway.types.json import JsonObject

_FINISH: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "malformed_model_output": "stop",
    "malformed_tool_use": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "tool_use": "tool_calls",
}
_FREE_END = ("end_turn", "tool_use")
_MALFORMED = "malformed_"
_AT_THE_END = ("performanceConfig", "trace")


def finish_reason(native: str, *, has_calls: bool) -> str:
    """Return one of OpenAI's five words; what is unknown counts as a plain stop.

    Some models end a turn that holds calls with `end_turn`, and an answer that came as the input of
    a tool of ours, or of AWS's, is no call of the client's: the calls decide.
    """
    if native in _FREE_END:
        return "tool_calls" if has_calls else "stop"
    return _FINISH.get(native, "stop")


def is_malformed(native: str) -> bool:
    """Whether the model failed to write what it was made to write."""
    return native.startswith(_MALFORMED)


def late_extras(metadata: JsonObject) -> dict[str, Any]:
    """Return the members of a reply's last event that a client may want."""
    extras = {name: metadata[name] for name in _AT_THE_END if metadata.get(name)}
    tier = as_text(as_object(metadata.get("serviceTier")).get("type"))
    if tier:
        extras["service_tier"] = tier
    ran = server_tools(metadata.get("usage"))
    if ran:
        extras["server_tool_use"] = ran
    return extras


def annotations(citations: object, start: int, end: int) -> list[ev.Event]:
    """Return the web pages a block cites; the range is in characters of the whole answer."""
    found: list[ev.Event] = []
    for citation in as_list(citations):
        source = as_object(citation)
        page = as_object(as_object(source.get("location")).get("web"))
        url = as_text(page.get("url"))
        if not url:
            continue  # the others point into documents: they are in the native content
        cited = {
            "url": url,
            "title": as_text(source.get("title")) or as_text(page.get("domain")),
            "start_index": start,
            "end_index": end,
        }
        found.append(ev.Annotation(0, {"type": "url_citation", "url_citation": cited}))
    return found
