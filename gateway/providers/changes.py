"""Says which wishes a request does not carry as the client put them, for `x-gateway-warnings`."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.types.chat import ChatRequest


def sampling_changes(
    chat: ChatRequest, body: Mapping[str, Any], names: Mapping[str, str]
) -> Iterator[str]:
    """Yield a line for each sampling value that `body` holds otherwise, under its name there."""
    for name, native in names.items():
        wished, sent = getattr(chat.sampling, name), body.get(native)
        if wished is None or wished == sent:
            continue
        yield f"dropped: {name}" if sent is None else f"changed: {name} (to {sent})"
