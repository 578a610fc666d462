"""One user as a worker holds it in memory: everything a request needs, secrets sealed."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar, cast

import msgspec
from msgspec import Struct

from gateway.errors import RecordIntegrity
from gateway.store import names
from gateway.store.base import Command
from gateway.types.account import AccountView, ProviderKeyInfo, TokenInfo, UserRecord
from gateway.vault.codec import Kind, read_key_id
from gateway.vault.vault import DataKeys, read_data_keys

T = TypeVar("T")


class StoredToken(Struct, frozen=True, omit_defaults=True):
    """A token at rest: who owns it, what it may do, and its digest; never the token."""

    info: TokenInfo
    digest: str
    user_id: str | None = None  # None: an admin token


class StoredKey(Struct, frozen=True):
    """A provider key at rest: what is shown of it, and the sealed secret."""

    info: ProviderKeyInfo
    sealed: bytes


class Account(Struct, frozen=True):
    """A user at one epoch. `data_keys` are wrapped, `sealed` are the sealed provider keys by name."""

    record: UserRecord
    keys: Mapping[str, ProviderKeyInfo]
    sealed: Mapping[str, bytes]
    tokens: Mapping[str, StoredToken]
    data_keys: DataKeys
    epoch: int

    @property
    def view(self) -> AccountView:
        """What routing needs of this user."""
        return AccountView(self.record, self.keys)

    def __repr__(self) -> str:
        return f"Account({self.record.id}, epoch={self.epoch})"


def account_commands(user_id: str) -> list[Command]:
    """Return the commands that read a user, all in the user's slot.

    The epoch is read first: what changes while the rest is read makes the account look old, and it
    is read again.
    """
    return [
        ("HMGET", names.user(user_id), "epoch", "record"),
        ("HGETALL", names.user_tokens(user_id)),
        ("HGETALL", names.user_keys(user_id)),
        ("HGETALL", names.user_deks(user_id)),
    ]


def read_account(user_id: str, replies: Sequence[Sequence[bytes | None]]) -> Account | None:
    """Build an account from the replies to `account_commands`, None if there is no such user.

    Raises RecordIntegrity for anything stored there that is not this user's.
    """
    (epoch, record), tokens, keys, deks = replies
    if epoch is None or record is None:
        return None
    stored_keys = _read_table(keys, StoredKey)
    account = Account(
        record=decode(record, UserRecord),
        keys={name: key.info for name, key in stored_keys.items()},
        sealed={name: key.sealed for name, key in stored_keys.items()},
        tokens=_read_table(tokens, StoredToken),
        data_keys=read_data_keys(user_id, read_fields(deks)),
        epoch=int(epoch),
    )
    if account.record.id != user_id:
        raise RecordIntegrity(_NOT_READABLE)
    return account


def is_whole(account: Account) -> bool:
    """Whether every provider key has its data key: they are read one after the other.

    A data key that was replaced between the two readings is missing here; read once more then.
    """
    numbers = account.data_keys.wrapped
    try:
        return all(
            read_key_id(sealed, Kind.PROVIDER_KEY) in numbers for sealed in account.sealed.values()
        )
    except RecordIntegrity:  # reading again does not mend it; it is refused when it is opened
        return True


def read_fields(reply: Sequence[bytes | None]) -> dict[bytes, bytes]:
    """Pair up a flat reply of names and values, as HGETALL gives it."""
    present = [part for part in reply if part is not None]
    return dict(zip(present[::2], present[1::2], strict=True))


def decode(blob: bytes, kind: type[T]) -> T:
    """Read a stored value. Raises RecordIntegrity."""
    try:
        return cast("T", _DECODERS[kind].decode(blob))
    except msgspec.DecodeError:
        raise RecordIntegrity(_NOT_READABLE) from None


def _read_table(reply: Sequence[bytes | None], kind: type[T]) -> dict[str, T]:
    fields = read_fields(reply)
    return {name.decode(errors="replace"): decode(blob, kind) for name, blob in fields.items()}


encode = msgspec.json.encode
"""Writes a stored value; the same value always gives the same bytes."""

_NOT_READABLE: Final = "A stored account could not be read."
_DECODERS: Final[Mapping[type, msgspec.json.Decoder[object]]] = {
    kind: msgspec.json.Decoder(kind) for kind in (UserRecord, StoredToken, StoredKey)
}
