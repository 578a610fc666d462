"""Seal and open a user's records under their data key.

Every call unwraps the DEK it needs and drops it again: nothing opened is kept between calls.
"""

import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from gateway.vault.codec import (
    HEADER_BYTES,
    KEY_BYTES,
    NONCE_BYTES,
    Kind,
    Place,
    RecordCipher,
    broken_record,
    open_sealed,
    read_key_id,
    seal,
)
from gateway.vault.derive import derive, mac_info, record_info
from gateway.vault.key_ring import RingSource


class RecordType(StrEnum):
    """What a record is; each type has a key of its own under the user's DEK."""

    PROVIDER_KEY = "provider_key"  # record id: the key's name
    CONTEXT = "context"  # record id: kind/id
    ANSWER = "answer"


_KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        RecordType.PROVIDER_KEY: Kind.PROVIDER_KEY,
        RecordType.CONTEXT: Kind.CONTEXT,
        RecordType.ANSWER: Kind.ANSWER,
    }
)
_LONGEST_NUMBER: Final = 10  # digits of a 32-bit number


class DataKeys(Struct, frozen=True):
    """The wrapped DEKs of one user by number. New records use the highest number.

    Empty once the user is erased: nothing of theirs opens any more.
    """

    user_id: str
    wrapped: Mapping[int, bytes]

    @property
    def current(self) -> int:
        """The number new records are sealed under; 0 if there is none."""
        return max(self.wrapped, default=0)

    def __repr__(self) -> str:
        return f"DataKeys({self.user_id}, numbers={sorted(self.wrapped)})"


def read_data_keys(user_id: str, fields: Mapping[bytes, bytes]) -> DataKeys:
    """Read the hash at `names.user_deks(user_id)`; fields that are no number are left out."""
    numbered = {
        int(name): wrapped
        for name, wrapped in fields.items()
        if name.isdigit() and len(name) <= _LONGEST_NUMBER
    }
    return DataKeys(user_id, numbered)


class Vault:
    """Opens and seals under the key ring. `random_bytes` must be the kernel's, also after a fork."""

    def __init__(
        self, rings: RingSource, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._rings = rings
        self._random_bytes = random_bytes

    def new_data_key(self, user_id: str, number: int = 1) -> bytes:
        """Make a DEK and return it wrapped, for field `number` of `names.user_deks(user_id)`.

        To be stored at once: see `vault/keeper.py`. Raises StoreAway while the ring may be out of
        date, because the store has not been heard of.
        """
        ring, dek = self._rings.for_wrapping, self._random_bytes(KEY_BYTES)
        return ring.wrap(user_id, number, self._random_bytes(NONCE_BYTES), dek)

    def rewrap(self, user_id: str, number: int, wrapped: bytes) -> bytes | None:
        """Return a DEK wrapped under the primary KEK; None if it is so already.

        Raises RecordIntegrity if it does not unwrap; StoreAway as `new_data_key` does.
        """
        ring = self._rings.for_wrapping
        return ring.rewrap(user_id, number, self._random_bytes(NONCE_BYTES), wrapped)

    def seal(
        self,
        data_keys: DataKeys,
        record_type: str,
        record_id: str,
        plaintext: bytes,
        audience: str | None = None,
    ) -> bytes:
        """Seal a record under the user's current DEK.

        `audience` (where the secret may be sent) is required for provider keys, else forbidden.
        Raises RecordIntegrity if the user's DEK does not unwrap, ValueError above 1 MiB.
        """
        number = data_keys.current
        key = self._record_key(data_keys, number, record_type)
        place = Place(data_keys.user_id, record_id, audience)
        nonce = self._random_bytes(NONCE_BYTES)
        return seal(key, _kind_of(record_type), number, nonce, place, plaintext)

    def open(
        self,
        data_keys: DataKeys,
        record_type: str,
        record_id: str,
        sealed: bytes,
        audience: str | None = None,
    ) -> bytes:
        """Open a record. Raises RecordIntegrity for whatever `seal` did not make for this place."""
        kind = _kind_of(record_type)
        key = self._record_key(data_keys, read_key_id(sealed, kind), record_type)
        return open_sealed(key, kind, Place(data_keys.user_id, record_id, audience), sealed)

    def open_many(
        self,
        data_keys: DataKeys,
        record_type: str,
        records: Sequence[tuple[str, bytes]],
    ) -> list[bytes]:
        """Open (record id, sealed) pairs in order, unwrapping each DEK once. For context blocks.

        Raises RecordIntegrity if any of them does not open; ValueError for provider keys.
        """
        kind = _kind_of(record_type)
        ciphers: dict[bytes, RecordCipher] = {}
        opened = []
        for record_id, sealed in records:
            cipher = ciphers.get(sealed[:HEADER_BYTES])
            if cipher is None:
                cipher = self._cipher(data_keys, read_key_id(sealed, kind), record_type)
                ciphers[sealed[:HEADER_BYTES]] = cipher
            opened.append(cipher.open(record_id, sealed))
        return opened

    def seal_many(
        self, data_keys: DataKeys, record_type: str, records: Sequence[tuple[str, bytes]]
    ) -> list[bytes]:
        """Seal (record id, plaintext) pairs in order under the current DEK, unwrapping it once.

        Each has a nonce of its own. Raises RecordIntegrity, ValueError as `seal` does.
        """
        cipher = self._cipher(data_keys, data_keys.current, record_type)
        return [
            cipher.seal(record_id, self._random_bytes(NONCE_BYTES), plaintext)
            for record_id, plaintext in records
        ]

    def mac(self, data_keys: DataKeys, record_type: str, message: bytes) -> bytes:
        """Return the 32-byte HMAC-SHA256 of a message under the user's own key of this purpose.

        Nobody without the user's DEK can make it. It changes when the DEK is replaced.
        Raises RecordIntegrity.
        """
        _kind_of(record_type)
        key = derive(self._open_dek(data_keys, data_keys.current), mac_info(record_type))
        return hmac.digest(key, message, "sha256")

    def _cipher(self, data_keys: DataKeys, number: int, record_type: str) -> RecordCipher:
        key = self._record_key(data_keys, number, record_type)
        return RecordCipher(key, _kind_of(record_type), number, data_keys.user_id)

    def _record_key(self, data_keys: DataKeys, number: int, record_type: str) -> bytes:
        return derive(self._open_dek(data_keys, number), record_info(record_type))

    def _open_dek(self, data_keys: DataKeys, number: int) -> bytes:
        wrapped = data_keys.wrapped.get(number)
        if wrapped is None:
            raise broken_record()
        return self._rings.for_opening.unwrap(data_keys.user_id, number, wrapped)


def _kind_of(record_type: str) -> Kind:
    kind = _KINDS.get(record_type)
    if kind is None:
        raise ValueError("no such type of record")
    return kind
