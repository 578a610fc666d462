"""Ids of tool calls as Mistral demands them: nine letters or digits, else 400 (code 3280).

The id a client knows from another provider is replaced by one derived from it: the same id always
gives the same one, however much of the history a client has cut away.
"""

import hashlib
import re
import string
from itertools import count

_LEGAL = re.compile(r"[a-zA-Z0-9]{9}", re.ASCII)
_LENGTH = 9
_ALPHABET = string.digits + string.ascii_letters


class CallIds:
    """The ids of one request."""

    def __init__(self) -> None:
        self._wire: dict[str, str] = {}
        self._used: set[str] = set()

    def wire(self, client_id: str) -> str:
        """Return the id to send; the same for the same id, and of no other."""
        known = self._wire.get(client_id)
        if known is not None:
            return known
        candidate = client_id if _LEGAL.fullmatch(client_id) else derive(client_id)
        for salt in count(1):
            if candidate not in self._used:
                break
            candidate = derive(f"{salt}:{client_id}")
        self._wire[client_id] = candidate
        self._used.add(candidate)
        return candidate


def derive(client_id: str) -> str:
    """Return nine characters that stand for an id of any form."""
    number = int.from_bytes(hashlib.sha256(client_id.encode()).digest()[:16], "big")
    characters = []
    for _ in range(_LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[place])
    return "".join(characters)
