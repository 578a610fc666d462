"""Tool names within Anthropic's alphabet, and the way back to the client's own."""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from gateway.types.chat import ChatRequest

# "String should match pattern": the API's own words (modelcontextprotocol issue 1345, 2025-08).
_LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_MAX = 128
_NONE: Mapping[str, str] = MappingProxyType({})

WEB_SEARCH = "web_search"  # the name of the tool that stands for `web_search_options`


class Names(Struct, frozen=True):
    """Which tool names had to be changed, both ways; empty for nearly every request."""

    to_wire: Mapping[str, str] = _NONE
    to_client: Mapping[str, str] = _NONE

    def wire(self, name: str) -> str:
        """Return the name to send."""
        return self.to_wire.get(name, name)

    def client(self, name: str) -> str:
        """Return the name the client knows."""
        return self.to_client.get(name, name)


def legal_names(chat: ChatRequest) -> Names:
    """Give every tool name of the request a legal and unique spelling; the legal ones stay."""
    native = native_names(chat)
    own = dict.fromkeys(tool.name for tool in chat.tools if tool.kind in ("function", "custom"))
    wanted = list(dict.fromkeys((*own, *history_names(chat))))
    odd = [
        name for name in wanted if (name in native and name in own) or not _LEGAL.fullmatch(name)
    ]
    if not odd:
        return Names()
    taken = native.union(set(wanted).difference(odd))
    to_wire: dict[str, str] = {}
    for name in odd:
        to_wire[name] = unique(_ILLEGAL.sub("_", name)[:_MAX] or "tool", taken)
        taken = taken | {to_wire[name]}
    return Names(to_wire, {wire: name for name, wire in to_wire.items()})


def native_names(chat: ChatRequest) -> frozenset[str]:
    """Return the names that tools of Anthropic's own occupy."""
    named = {tool.raw.get("name") for tool in chat.tools if tool.kind not in ("function", "custom")}
    if "web_search_options" in chat.extra:
        named.add(WEB_SEARCH)
    return frozenset(name for name in named if isinstance(name, str))


def unique(name: str, taken: Iterable[str]) -> str:
    """Return the name, numbered where it is taken."""
    used = set(taken)
    number = 2
    found = name
    while found in used:
        suffix = f"_{number}"
        found = name[: _MAX - len(suffix)] + suffix
        number += 1
    return found


def history_names(chat: ChatRequest) -> Iterator[str]:
    """Yield the name of every call in the conversation."""
    for message in chat.messages:
        for call in message.tool_calls:
            yield call.name
