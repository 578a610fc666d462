"""Tool names within Cohere's alphabet, and the way back to the client's own."""

import re
from collections.abc import Iterator

from gateway.providers.anthropic.names import Names, history_names, unique
from gateway.types.chat import ChatRequest

# "can only contain certain characters (A-Za-z0-9_) and can't begin with a digit" (docs.cohere.com,
# "Errors", 2026-11).
_LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ILLEGAL = re.compile(r"[^A-Za-z0-9_]")


def legal_names(chat: ChatRequest) -> Names:
    """Give every tool name of the request a legal and unique spelling; the legal ones stay."""
    wanted = dict.fromkeys(_all_names(chat))
    odd = [name for name in wanted if not _LEGAL.fullmatch(name)]
    taken = set(wanted).difference(odd)
    to_wire: dict[str, str] = {}
    for name in odd:
        legal = _ILLEGAL.sub("_", name)
        to_wire[name] = unique(legal if _LEGAL.fullmatch(legal) else f"_{legal}", taken)
        taken.add(to_wire[name])
    return Names(to_wire, {wire: name for name, wire in to_wire.items()})


def _all_names(chat: ChatRequest) -> Iterator[str]:
    yield from (tool.name for tool in chat.tools)
    yield from history_names(chat)
