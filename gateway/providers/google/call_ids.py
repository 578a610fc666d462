"""Ids for calls that came without one.

They follow from the reply alone, so that reading it twice gives the same ids, and differ from reply
to reply, so that a conversation never holds one twice.
"""

import hashlib
import re

from gateway.providers.google.json_text import dump

_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_MOST = 32  # of the characters of a reply's id; with ours the whole stays within 40


class CallIds:
    """Numbers the calls of one reply, over all its candidates."""

    def __init__(self) -> None:
        self.reply_id = ""
        self._count = 0

    def next(self, name: str, args: object) -> str:
        """Return the next call's id; where the reply has none, the call itself has to do."""
        self._count += 1
        base = _ILLEGAL.sub("_", self.reply_id)[:_MOST]
        if not base:
            told = f"{name} {dump(args)}".encode("utf-8", "surrogatepass")
            base = hashlib.sha256(told).hexdigest()[:24]
        return f"call_{base}_{self._count - 1}"
