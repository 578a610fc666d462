"""What tests of stored records are played with: a user over a real store, and their records."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gateway.config.kinds import BUILTIN_KINDS
from gateway.context.sealed import field_of
from gateway.context.source import ContextSource
from gateway.context.writing import Draft
from gateway.identity.changes import NewUser
from gateway.store import names
from gateway.store.base import Store
from gateway.types.context import Kind, Record
from gateway.vault.vault import DataKeys
from tests.identity.scene import Scene, make_scene

NAME_KEY = bytes.fromhex("51" * 16 + "e7" * 16)
TODAY = date(2026, 11, 23)
ENTRIES, FEELS, HABITS = BUILTIN_KINDS["entries"], BUILTIN_KINDS["feels"], BUILTIN_KINDS["habits"]
PILLARS, PROFILE = BUILTIN_KINDS["pillars"], BUILTIN_KINDS["profile"]


class Owner(Struct, frozen=True):
    """A user with the data keys they had when they were made."""

    id: str
    keys: DataKeys


class ContextScene(Struct, frozen=True):
    """Records over one store."""

    identity: Scene
    source: ContextSource

    async def new_user(self) -> Owner:
        user = await self.identity.users.create(NewUser())
        return Owner(user.id, (await self.identity.accounts.load(user.id)).data_keys)


def make_context(store: Store) -> ContextScene:
    scene = make_scene(store)
    return ContextScene(scene, ContextSource(scene.store, scene.vault, NAME_KEY))


def draft(record_id: str, day: date | None = None, *, tokens: int = 5, **fields: Any) -> Draft:
    return Draft(Record(record_id, day, fields), tokens)


def drafts_of(records: Iterable[Record], tokens: int = 5) -> list[Draft]:
    return [Draft(record, tokens) for record in records]


def field(owner: Owner, kind: Kind, record_id: str) -> str:
    return field_of(NAME_KEY, owner.id, kind.name, record_id)


def at_most(kind: Kind, most: int) -> Kind:
    return replace(kind, max_records=most)


async def read_value(store: Store, owner: Owner, kind: Kind, record_id: str) -> bytes:
    value: bytes = await store.run(
        "HGET", names.context(owner.id, kind.name), field(owner, kind, record_id)
    )
    return value


async def put_value(store: Store, owner: Owner, kind: Kind, record_id: str, value: bytes) -> None:
    """Put bytes in a record's place behind the gateway's back."""
    await store.run(
        "HSET", names.context(owner.id, kind.name), field(owner, kind, record_id), value
    )
