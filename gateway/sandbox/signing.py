"""Signatures of thinking blocks: issued with a reply, checked when the block is replayed."""

import base64
import hashlib
import hmac

# Fixed, because a conversation may be replayed to a sandbox that was restarted in between; it
# guards nothing but the simulation.
_KEY = b"sandbox thinking blocks"


def sign(text: str) -> str:
    """Return the signature of a thinking block's text, in base64."""
    return base64.b64encode(
        hmac.digest(_KEY, b"thinking:" + text.encode(), hashlib.sha256)
    ).decode()


def is_signed(text: str, signature: str) -> bool:
    """Whether we issued this signature for this text."""
    return hmac.compare_digest(sign(text).encode(), signature.encode())


def redact(text: str) -> str:
    """Return the opaque data of a redacted thinking block."""
    return base64.b64encode(
        hmac.digest(_KEY, b"redacted:" + text.encode(), hashlib.sha256)
    ).decode()
