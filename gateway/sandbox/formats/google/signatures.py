"""Thought signatures: issued with a part, checked when the part is replayed.

Opaque to clients, and bound to what they came with: to a call's name and arguments, or to text. A
documented stand-in is taken anywhere (ai.google.dev and docs.cloud.google.com, "Thought
signatures", 2026).
"""

import base64
import hashlib
from typing import Any

import orjson

# Fixed, because a conversation may be replayed to a sandbox that was restarted in between; it
# guards nothing but the simulation.
_KEY = b"sandbox thought signatures"
_BYTES = 210
_EXACT = 2**53

_STAND_INS = (b"skip_thought_signature_validator", b"context_engineering_is_the_way_to_go")

TEXT = "text"
"""What the signature of a text part is bound to: the text itself may have come in pieces."""


def sign(subject: str) -> str:
    """Return the signature for a subject, in base64."""
    return base64.b64encode(_digest(subject)).decode()


def is_signed(subject: str, signature: bytes) -> bool:
    """Whether we issued this signature for this subject, or it is a stand-in."""
    plain = base64.b64encode(signature).decode().rstrip("=")
    stands_in = any(
        signature == word or plain == word.decode().replace("_", "/") for word in _STAND_INS
    )
    return stands_in or signature == _digest(subject)


def call_subject(name: str, args: Any) -> str:
    """Return what a call's signature is bound to; arguments may be written in any order."""
    return f"{name}({orjson.dumps(_level(args), option=orjson.OPT_SORT_KEYS).decode()})"


def _level(value: Any) -> Any:
    """All numbers of a Struct are doubles: 1 and 1.0 are the same."""
    if isinstance(value, dict):
        return {name: _level(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_level(inner) for inner in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
    return int(value) if is_whole else value


def _digest(subject: str) -> bytes:
    return hashlib.shake_256(_KEY + b"\0" + subject.encode()).digest(_BYTES)
