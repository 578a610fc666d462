"""A user's provider keys: save, list, remove, and open for one request.

Secret and settings are one resource. The secret is sealed with its audience, so settings that
point elsewhere cannot open it: they need the secret again.
"""

import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gateway.config.snapshot import ProviderEntry
from gateway.errors import Conflict, InvalidRequest, NotFound, RecordIntegrity
from gateway.identity.account import Account, StoredKey, decode, encode, read_fields
from gateway.identity.ids import is_user_id
from gateway.identity.key_settings import EndpointRules, audience_for, check_settings, format_of
from gateway.identity.key_shapes import read_key_secret
from gateway.identity.recent import Recent
from gateway.identity.scripts import MARK_KEY, PUT_KEY, REMOVE_KEY
from gateway.store import names
from gateway.store.base import Store
from gateway.types.account import ProviderKeyInfo
from gateway.types.clock import Clock
from gateway.types.secret import Secret
from gateway.types.upstream import Credential
from gateway.vault.vault import DataKeys, RecordType, Vault, read_data_keys

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,47}")
_MOST_KEYS: Final = 50
_MOST_TRIES: Final = 20
_FINGERPRINT_DIGITS: Final = 16
_MARK_EVERY_S: Final = 3600
_MOST_MARKS: Final = 10_000


class KeyChange(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /v1/me/providers/{name}`. `type` is the name where it is left out.

    Settings are replaced whole. The secret may be left out where the audience stays the same.
    """

    type: str | None = None
    secret: Any = UNSET
    settings: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"KeyChange(type={self.type!r}, secret=[secret])"


class Offer(Struct, frozen=True):
    """What keys may be for: the configured providers, and the rules for own endpoints."""

    providers: Mapping[str, ProviderEntry]
    endpoints: EndpointRules = EndpointRules()


class _Draft(Struct, frozen=True):
    """A checked change, before it meets the key that is there."""

    name: str
    type: str
    settings: Mapping[str, str]
    audience: str
    format: str
    secret: Any

    def __repr__(self) -> str:
        return f"_Draft({self.name!r}, secret=[secret])"


class ProviderKeys:
    """The provider keys of users; secrets are opened one at a time and never kept."""

    def __init__(self, store: Store, vault: Vault, fingerprint_key: bytes, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._fingerprint_key = fingerprint_key
        self._clock = clock
        self._marked: Recent[tuple[str, str], tuple[str, float]] = Recent(_MOST_MARKS)

    async def put(
        self, user_id: str, name: str, change: KeyChange, offer: Offer
    ) -> tuple[ProviderKeyInfo, bool]:
        """Save a key or change its settings; True if there was none of this name.

        Raises InvalidRequest (`invalid_key_format`, `secret_required`, `endpoint_not_allowed`, …),
        NotFound (no such user), Conflict (too many keys), StoreAway, RecordIntegrity.
        """
        draft = _read_change(name, change, offer)
        for _ in range(_MOST_TRIES):
            blob, data_keys = await self._read(user_id, name)
            old = None if blob is None else decode(blob, StoredKey)
            new = self._make(draft, old, data_keys)
            secret_is_new = old is None or new.sealed != old.sealed
            verdict = await self._store.script(
                PUT_KEY,
                [
                    names.user(user_id),
                    names.user_keys(user_id),
                    names.user_key_marks(user_id),
                    names.user_deks(user_id),
                ],
                [
                    _MOST_KEYS,
                    name,
                    blob or b"",
                    encode(new),
                    int(secret_is_new),
                    data_keys.current if secret_is_new else "",
                ],
            )
            if verdict == b"ok":
                return new.info, old is None
            if verdict == b"full":
                raise Conflict(f"At most {_MOST_KEYS} keys; delete one.", code="too_many_keys")
            if verdict == b"missing":
                raise NotFound("No such user.")
        raise Conflict("The key is being changed by others; try again.")

    async def list_keys(self, user_id: str) -> list[ProviderKeyInfo]:
        """Return a user's keys by name, with last use and health. Raises NotFound, StoreAway."""
        if not is_user_id(user_id):
            raise NotFound("No such user.")
        present, blobs, marks = await self._store.run_many(
            [
                ("HEXISTS", names.user(user_id), "record"),
                ("HVALS", names.user_keys(user_id)),
                ("HGETALL", names.user_key_marks(user_id)),
            ]
        )
        if not present:
            raise NotFound("No such user.")
        marked = read_fields(marks)
        infos = [decode(blob, StoredKey).info for blob in blobs]
        return sorted((_with_mark(info, marked) for info in infos), key=lambda info: info.name)

    async def remove(self, user_id: str, name: str) -> None:
        """Delete a key and its sealed secret. Raises NotFound, StoreAway."""
        removed = 0
        if is_user_id(user_id):
            keys = [names.user(user_id), names.user_keys(user_id), names.user_key_marks(user_id)]
            removed = await self._store.script(REMOVE_KEY, keys, [name])
        if not removed:
            raise NotFound("No such provider key.")

    def open_key(self, account: Account, name: str) -> Credential:
        """Open a key for one request, for the audience its settings name now. No I/O.

        Raises NotFound; RecordIntegrity if the sealed secret, its settings or the user's data key
        are not what they were when it was saved.
        """
        info, sealed = account.keys.get(name), account.sealed.get(name)
        if info is None or sealed is None:
            raise NotFound("No such provider key.")
        try:
            audience = audience_for(info.type, info.settings)
        except ValueError:
            raise RecordIntegrity("A stored provider key could not be read.") from None
        opened = self._vault.open(
            account.data_keys, RecordType.PROVIDER_KEY, name, sealed, audience
        )
        return Credential(Secret(opened.decode()))

    async def note_use(self, user_id: str, name: str, health: str, *, always: bool = False) -> None:
        """Note that a key was used just now and how it fared (`ok`, `rejected`); coarse.

        Written when the health changes, else at most once an hour per worker, or `always`. The
        account's epoch stays as it is. Raises StoreAway.
        """
        now = self._clock.now()
        before = None if always else self._marked.get((user_id, name))
        if before is not None and before[0] == health and now - before[1] < _MARK_EVERY_S:
            return
        keys = [names.user_keys(user_id), names.user_key_marks(user_id)]
        await self._store.script(MARK_KEY, keys, [name, f"{int(now)} {health}"])
        self._marked.put((user_id, name), (health, now))

    async def _read(self, user_id: str, name: str) -> tuple[bytes | None, DataKeys]:
        if not is_user_id(user_id):
            raise NotFound("No such user.")
        present, blob, deks = await self._store.run_many(
            [
                ("HEXISTS", names.user(user_id), "record"),
                ("HGET", names.user_keys(user_id), name),
                ("HGETALL", names.user_deks(user_id)),
            ]
        )
        if not present:
            raise NotFound("No such user.")
        return blob, read_data_keys(user_id, read_fields(deks))

    def _make(self, draft: _Draft, old: StoredKey | None, data_keys: DataKeys) -> StoredKey:
        if isinstance(draft.secret, UnsetType):
            if old is None or (old.info.type, old.info.audience) != (draft.type, draft.audience):
                raise InvalidRequest(
                    "The secret is required: it is new, or would be sent to another place than "
                    "the one it was saved for.",
                    code="secret_required",
                    param="secret",
                )
            info = msgspec.structs.replace(old.info, settings=draft.settings)
            return StoredKey(info, old.sealed)
        secret = read_key_secret(draft.secret, draft.format)
        plaintext = secret.sealed_text.reveal().encode()
        info = ProviderKeyInfo(
            name=draft.name,
            type=draft.type,
            settings=draft.settings,
            audience=draft.audience,
            last4=secret.last4,
            fingerprint=self._fingerprint(data_keys.user_id, plaintext),
            created=int(self._clock.now()) if old is None else old.info.created,
        )
        sealed = self._vault.seal(
            data_keys, RecordType.PROVIDER_KEY, draft.name, plaintext, draft.audience
        )
        return StoredKey(info, sealed)

    def _fingerprint(self, user_id: str, plaintext: bytes) -> str:
        """Tell keys of one user apart; two users with the same key have different fingerprints."""
        message = user_id.encode() + b"\x00" + plaintext
        return hmac.digest(self._fingerprint_key, message, "sha256").hex()[:_FINGERPRINT_DIGITS]


def _read_change(name: str, change: KeyChange, offer: Offer) -> _Draft:
    if _NAME.fullmatch(name) is None:
        raise InvalidRequest(
            "A key's name is 1 to 48 of a-z, 0-9, '.', '_' and '-', beginning with a letter or "
            "digit.",
            param="name",
        )
    type_ = name if change.type is None else change.type
    format_ = format_of(type_, name, offer.providers)
    settings = check_settings(format_, change.settings, offer.endpoints)
    return _Draft(name, type_, settings, audience_for(type_, settings), format_, change.secret)


def _with_mark(info: ProviderKeyInfo, marks: Mapping[bytes, bytes]) -> ProviderKeyInfo:
    used, _, health = marks.get(info.name.encode(), b"").decode().partition(" ")
    if not used.isdigit():
        return info
    return msgspec.structs.replace(info, last_used=int(used), health=health)
