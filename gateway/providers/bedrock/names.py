"""Tool names and call ids within Bedrock's alphabets, and the way back to the client's own.

Ids are 1 to 64 of `[a-zA-Z0-9_.:-]`, names 1 to 64 of `[a-zA-Z0-9_-]` (service model, botocore
1.44.5). What does not fit is derived from the client's own spelling alone, so that it stays the
same from turn to turn, however the conversation is cut.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType

from msgspec import Struct

from gateway.types.chat import ChatRequest

MAX_LENGTH = 64
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_NOT_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_NOT_ID = re.compile(r"[^a-zA-Z0-9_.:-]")
_DIGITS = 12  # of the hash: enough that two names of one request never meet
_NO_NAMES: Mapping[str, str] = MappingProxyType({})


class Names(Struct, frozen=True):
    """Which tool names had to be changed, wire name to client's; empty for nearly every request."""

    to_client: Mapping[str, str] = _NO_NAMES

    def client(self, name: str) -> str:
        """Return the name the client knows."""
        return self.to_client.get(name, name)


def wire_name(name: str) -> str:
    """Return the name to send for a tool."""
    return name if _NAME.fullmatch(name) else _derived(name, _NOT_NAME)


def wire_id(call_id: str) -> str:
    """Return the id to send for a call."""
    return call_id if _ID.fullmatch(call_id) else _derived(call_id, _NOT_ID)


def changed_names(chat: ChatRequest) -> Names:
    """Return the way back for every tool of the request whose name has to be changed."""
    changed = {wire_name(tool.name): tool.name for tool in chat.tools}
    changed = {wire: name for wire, name in changed.items() if wire != name}
    return Names(changed) if changed else Names()


def _derived(text: str, illegal: re.Pattern[str]) -> str:
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{illegal.sub('_', text)[: MAX_LENGTH - _DIGITS - 1]}_{digest}"
