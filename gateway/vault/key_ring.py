"""The deployment's key-encrypting keys: several by id, one of them primary. No I/O.

New DEKs are wrapped under the primary; every id in the ring unwraps. So a KEK is replaced in two
steps that need no common moment: add the new id everywhere, then make it primary.
"""

import base64
import binascii
import itertools
from collections.abc import Mapping
from typing import Final, NoReturn, Protocol

import msgspec
from msgspec import Struct

from gateway.errors import ConfigError
from gateway.vault.codec import (
    KEY_BYTES,
    Kind,
    Place,
    broken_record,
    open_sealed,
    read_key_id,
    seal,
)
from gateway.vault.derive import WRAP, check_value, derive

# 32 random bytes hold 30 different values on average; fewer than this has never happened by chance.
_FEWEST_DISTINCT_BYTES: Final = 16


class _RingFile(Struct, forbid_unknown_fields=True):
    """The JSON of a ring: `{"primary": 2, "keys": {"1": "<base64>", "2": "<base64>"}}`."""

    primary: int
    keys: dict[str, str]


class KeyRing:
    """The KEKs, held open for the life of the process and never shown."""

    __slots__ = ("_keks", "_wrap_keys", "primary")

    def __init__(self, keks: Mapping[int, bytes], primary: int) -> None:
        if primary not in keks:
            raise ValueError("the primary id is not in the ring")
        self.primary = primary
        self._keks = dict(keks)
        self._wrap_keys = {kek_id: derive(kek, WRAP) for kek_id, kek in keks.items()}

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids in the ring, ascending."""
        return tuple(sorted(self._keks))

    @property
    def for_opening(self) -> "KeyRing":
        """The ring itself: the simplest `RingSource` is a ring that never changes."""
        return self

    @property
    def for_wrapping(self) -> "KeyRing":
        """The ring itself, likewise."""
        return self

    def knows(self, wrapped: bytes) -> bool:
        """Whether the KEK that wrapped this DEK is in the ring. Raises RecordIntegrity."""
        return read_key_id(wrapped, Kind.WRAPPED_DEK) in self._wrap_keys

    def with_key(self, kek_id: int, kek: bytes) -> "KeyRing":
        """Return a ring that has one more key; the primary stays."""
        return KeyRing({**self._keks, kek_id: kek}, self.primary)

    def with_primary(self, primary: int) -> "KeyRing":
        """Return the same keys with another primary. Raises ValueError if it is not among them."""
        return KeyRing(self._keks, primary)

    def with_primary_only(self) -> "KeyRing":
        """Return a ring of the primary alone."""
        return KeyRing({self.primary: self._keks[self.primary]}, self.primary)

    def with_keys_of(self, other: "KeyRing") -> "KeyRing":
        """Return a ring that also opens what the other one opens."""
        return KeyRing({**other._keks, **self._keks}, self.primary)

    def check_values(self) -> dict[int, str]:
        """Return the public check value of each KEK by id."""
        return {kek_id: check_value(self._keks[kek_id]) for kek_id in self.ids}

    def wrap(self, user_id: str, number: int, nonce: bytes, dek: bytes) -> bytes:
        """Return a user's DEK number `number`, sealed under the primary KEK."""
        place = Place(user_id, str(number))
        key = self._wrap_keys[self.primary]
        return seal(key, Kind.WRAPPED_DEK, self.primary, nonce, place, dek)

    def unwrap(self, user_id: str, number: int, wrapped: bytes) -> bytes:
        """Return a user's DEK. Raises RecordIntegrity, also for a KEK id not in the ring."""
        key = self._wrap_keys.get(read_key_id(wrapped, Kind.WRAPPED_DEK))
        if key is None:
            raise broken_record()
        dek = open_sealed(key, Kind.WRAPPED_DEK, Place(user_id, str(number)), wrapped)
        if len(dek) != KEY_BYTES:
            raise broken_record()
        return dek

    def rewrap(self, user_id: str, number: int, nonce: bytes, wrapped: bytes) -> bytes | None:
        """Return a DEK wrapped under the primary; None if it is so already.

        Raises RecordIntegrity as `unwrap` does.
        """
        if read_key_id(wrapped, Kind.WRAPPED_DEK) == self.primary:
            return None
        return self.wrap(user_id, number, nonce, self.unwrap(user_id, number, wrapped))

    def to_text(self) -> str:
        """Return the ring as the text of its file. This is the secret itself."""
        keys = {str(kek_id): base64.b64encode(kek).decode() for kek_id, kek in self._keks.items()}
        ring = _RingFile(primary=self.primary, keys=keys)
        return msgspec.json.format(msgspec.json.encode(ring)).decode() + "\n"

    def __repr__(self) -> str:
        return f"KeyRing(ids={list(self.ids)}, primary={self.primary})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KeyRing cannot be pickled")


class RingSource(Protocol):
    """Where a `Vault` gets its ring from, anew for every operation: one of them sees one ring."""

    @property
    def for_opening(self) -> KeyRing:
        """The ring that DEKs are unwrapped with."""
        ...

    @property
    def for_wrapping(self) -> KeyRing:
        """The ring whose primary wraps new DEKs. Raises StoreAway while none may be made."""
        ...


def read_key_ring(text: str, setting: str) -> KeyRing:
    """Read a ring from the text of its file or variable: the JSON form, or one base64 key (id 1).

    Raises ConfigError naming `setting`, never the value.
    """
    stripped = text.strip()
    if not stripped.startswith("{"):
        return KeyRing({1: read_secret(stripped, setting)}, primary=1)
    try:
        ring = msgspec.json.decode(stripped, type=_RingFile)
    except (msgspec.DecodeError, UnicodeError):
        raise ConfigError(
            'not a key ring: expected {"primary": <id>, "keys": {"<id>": "<base64>"}}', setting
        ) from None
    keks: dict[int, bytes] = {}
    for name, encoded in ring.keys.items():
        if not name.isascii() or not name.isdigit() or not 1 <= int(name) < 1 << 32:
            raise ConfigError("a key id is a number from 1 to 4294967295", setting)
        if int(name) in keks:
            raise ConfigError(f"key id {int(name)} appears twice", setting)
        keks[int(name)] = read_secret(encoded, f"{setting} (key id {int(name)})")
    if ring.primary not in keks:
        raise ConfigError("`primary` names a key id that is not in `keys`", setting)
    if len(set(keks.values())) != len(keks):
        raise ConfigError("two key ids hold the same key", setting)
    return KeyRing(keks, ring.primary)


def read_secret(text: str, setting: str) -> bytes:
    """Read one 32-byte secret from base64. Raises ConfigError naming `setting`, never the value."""
    stripped = text.strip()
    if not stripped:
        raise ConfigError("is empty; it must be 32 random bytes in base64", setting)
    try:
        secret = base64.b64decode(stripped, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError("is not base64; it must be 32 random bytes in base64", setting) from None
    if len(secret) != KEY_BYTES:
        raise ConfigError(f"holds {len(secret)} bytes; it must be 32 random bytes", setting)
    if _looks_made_up(secret):
        raise ConfigError(
            "is not random: an example or a pass-phrase. Make one with `openssl rand -base64 32`",
            setting,
        )
    return secret


def _looks_made_up(secret: bytes) -> bool:
    """Tell examples, counted bytes and typed text from random bytes (which are none of these)."""
    if len(set(secret)) < _FEWEST_DISTINCT_BYTES:
        return True
    steps = {(after - before) % 256 for before, after in itertools.pairwise(secret)}
    return len(steps) == 1 or all(0x20 <= byte < 0x7F for byte in secret)
