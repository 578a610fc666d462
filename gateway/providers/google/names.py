"""Function names within Google's alphabet, and the way back to the client's own."""

import re
from collections.abc import Iterator

from gateway.providers.anthropic.names import Names
from gateway.types.chat import ChatRequest

# A letter or underscore first, 64 characters at most (FunctionDeclaration, API reference 2026-11;
# newer models take 128).
_LEGAL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_.:-]")
_MAX = 64


def legal_names(chat: ChatRequest) -> Names:
    """Give every function name of the request a legal and unique spelling; the legal ones stay."""
    wanted = dict.fromkeys(_names(chat))
    odd = [name for name in wanted if not _LEGAL.fullmatch(name)]
    if not odd:
        return Names()
    taken = set(wanted).difference(odd)
    to_wire: dict[str, str] = {}
    for name in odd:
        legal = _ILLEGAL.sub("_", name)[:_MAX]
        if not _LEGAL.fullmatch(legal):
            legal = f"_{legal}"[:_MAX]
        to_wire[name] = _unique(legal, taken)
        taken.add(to_wire[name])
    return Names(to_wire, {wire: name for name, wire in to_wire.items()})


def _names(chat: ChatRequest) -> Iterator[str]:
    for tool in chat.tools:
        if tool.kind in ("function", "custom"):
            yield tool.name
    for message in chat.messages:
        for call in message.tool_calls:
            yield call.name


def _unique(name: str, taken: set[str]) -> str:
    found, number = name, 2
    while found in taken:
        suffix = f"_{number}"
        found = name[: _MAX - len(suffix)] + suffix
        number += 1
    return found
