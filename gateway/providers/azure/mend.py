"""What Azure's filters leave out of a reply, put back so that clients can read it.

Asynchronous filters report in chunks of their own without a `delta`, and a filtered answer may
come without its `message` (recorded, and uezo/aiavatarkit issue 124).
"""

from gateway.types.json import JsonObject

_NO_MESSAGE: JsonObject = {"role": "assistant", "content": None, "refusal": None}


class AzureMender:
    """Rewrites the chunks of one reply, or its one body."""

    def concerns(self, chunk: bytes) -> bool:
        """Whether a chunk has choices but no delta."""
        return b'"delta"' not in chunk and b'"choices"' in chunk

    def mend(self, reply: JsonObject, *, whole: bool) -> bool:
        """Add what is missing; say whether anything was."""
        choices = reply.get("choices")
        changed = False
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and not {"delta", "message"} & choice.keys():
                choice |= {"message": dict(_NO_MESSAGE)} if whole else {"delta": {}}
                changed = True
        return changed
