"""Receipts of erasure: what was destroyed, what remains, how far it has come; signed. Pure.

A receipt is signed with Ed25519 (RFC 8032) over these bytes: the line `gateway erasure receipt 1`,
a newline, and the receipt without its `signature` as JSON with sorted members, no spaces, in UTF-8.
So whoever trusts the public key can verify one without the gateway. Signing is deterministic: the
same receipt in the same state is the same text.
"""

import base64
import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NoReturn

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from gateway.identity.ids import base62
from gateway.identity.removal import Destroyed
from gateway.types.json import JsonObject

_CONTEXT: Final = b"gateway erasure receipt 1\n"
_OBJECT: Final = "erasure_receipt"
_ID_BYTES: Final = 16
_ID_WIDTH: Final = 22
_KEY_ID_DIGITS: Final = 32
_REMAINS: Final = {
    "cost_rows": (
        "What requests cost, by day, provider, model and feature, under the random user id alone; "
        "they expire."
    ),
    "audit": "A line in the log of administration that this id was erased.",
    "backups": (
        "Backups, snapshots and replicas of the store that are not the gateway's own, until their "
        "operator lets them age out. Without the destroyed data keys they open nothing, but "
        "copies made before the erasure hold those keys in wrapped form."
    ),
    "providers": "What was sent to providers before; their terms say how long they keep it.",
}


class State(StrEnum):
    """How far an erasure has come."""

    LIVE = "erased_live"  # nothing opens or answers any more; the disk may still hold old bytes
    STORAGE = "erased_storage"  # the store's files were written anew since: the bytes are gone
    AGE_OUT = "operator_must_age_out"  # the store does not let us do that; `state_reason` says why


class Receipt(Struct, frozen=True, omit_defaults=True):
    """One erasure. Times are Unix seconds."""

    id: str
    user_id: str
    erased_at: int
    destroyed: Destroyed
    state: State
    state_time: int
    state_reason: str | None = None


class Unverified(Exception):
    """A text that is not a receipt of ours; the message says why."""


class ReceiptSigner:
    """Signs receipts and recognises its own. Holds the key for the life of the process."""

    __slots__ = ("_key", "_public", "key_id")

    def __init__(self, secret: bytes) -> None:
        """`secret` is 32 random bytes: the private key."""
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._public = base64.b64encode(public).decode()
        self.key_id = hashlib.sha256(public).hexdigest()[:_KEY_ID_DIGITS]

    def sign(self, receipt: Receipt) -> JsonObject:
        """Return the receipt as it is handed out."""
        destroyed: JsonObject = msgspec.to_builtins(receipt.destroyed)
        shown: JsonObject = {
            "object": _OBJECT,
            "id": receipt.id,
            "user_id": receipt.user_id,
            "erased_at": receipt.erased_at,
            "destroyed": destroyed,
            "remains": dict(_REMAINS),
            "state": receipt.state.value,
            "state_time": receipt.state_time,
            "state_reason": receipt.state_reason,
            "key_id": self.key_id,
            "public_key": self._public,
        }
        signature = self._key.sign(signed_bytes(shown))
        return {**shown, "signature": base64.b64encode(signature).decode()}

    def verify(self, shown: Mapping[str, Any]) -> str:
        """Return the id of a receipt that this key signed as it stands.

        Raises Unverified, whatever else it is.
        """
        if shown.get("object") != _OBJECT or not isinstance(shown.get("id"), str):
            raise Unverified("It is not a receipt of erasure.")
        if shown.get("key_id") != self.key_id or shown.get("public_key") != self._public:
            raise Unverified("It was signed with a key that is not this gateway's.")
        try:
            signature = base64.b64decode(shown.get("signature", ""), validate=True)
            self._key.public_key().verify(signature, signed_bytes(shown))
        except (InvalidSignature, ValueError, TypeError):
            # ValueError: no base64, or text that is no UTF-8; TypeError: no text.
            raise Unverified("Its signature does not fit it: it was altered.") from None
        if base64.b64encode(signature).decode() != shown["signature"]:
            raise Unverified("Its signature does not fit it: it was altered.")
        return str(shown["id"])

    def __repr__(self) -> str:
        return f"ReceiptSigner({self.key_id})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a ReceiptSigner cannot be pickled")


def signed_bytes(shown: Mapping[str, Any]) -> bytes:
    """Return what the signature of a receipt covers. Raises ValueError for what is no JSON."""
    members = {name: value for name, value in shown.items() if name != "signature"}
    return _CONTEXT + msgspec.json.encode(members, order="sorted")


def new_receipt_id(random: bytes) -> str:
    """Return a new id: `er_` and 128 random bits, given as 16 bytes."""
    return "er_" + base62(int.from_bytes(random[:_ID_BYTES], "big"), _ID_WIDTH)
