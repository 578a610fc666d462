"""A user who has something of everything that a data key seals, and requests of that user."""

import asyncio
from typing import Any

from gateway.config.kinds import BUILTIN_KINDS
from gateway.identity.provider_keys import KeyChange
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.types.context import Record
from tests.context.scene import ENTRIES, TODAY, draft, drafts_of
from tests.identity.scene import OFFER
from tests.rotation.scene import SECRET, WorkerScene

RECORDS = {
    "profile": [Record("profile", None, {"name": "Ann"})],
    "pillars": [Record(f"p{n}", None, {"name": f"pillar {n}", "score": n}) for n in range(3)],
    "entries": [Record(f"e{n}", TODAY, {"text": f"day {n}"}) for n in range(70)],
}
EXPECTED: dict[str, Any] = {
    "openai": SECRET,
    "azure": SECRET,
    **{kind: {record.id: record.fields for record in each} for kind, each in RECORDS.items()},
}


async def furnish(scene: WorkerScene) -> str:
    """A user with two provider keys and records of three kinds."""
    user_id = await scene.new_user()
    settings = {"azure_resource": "res"}
    await scene.keys.put(user_id, "azure", KeyChange(secret=SECRET, settings=settings), OFFER)
    keys = (await scene.accounts.load(user_id)).data_keys
    for kind, records in RECORDS.items():
        await scene.context.put(keys, BUILTIN_KINDS[kind], drafts_of(records), TODAY)
    return user_id


async def read_all(scene: WorkerScene, user_id: str) -> dict[str, Any]:
    """Read everything as requests do: the account; records with the data keys beside them."""
    account = await scene.accounts.load(user_id)
    opened: dict[str, Any] = {
        name: scene.keys.open_key(account, name).secret.reveal() for name in account.keys
    }
    fetched = await scene.context.fetch(user_id, dict.fromkeys(RECORDS))
    for kind in RECORDS:
        records = scene.context.open(fetched.keys, kind, fetched.sealed[kind])
        opened[kind] = {record.id: record.fields for record in records}
    return opened


async def numbers(store: RedisStore, user_id: str) -> list[int]:
    """The numbers of the user's data keys."""
    return sorted(int(number) for number in await store.run("HKEYS", names.user_deks(user_id)))


async def numbers_used(store: RedisStore, user_id: str, kind: str) -> set[int]:
    """The numbers of the data keys that this kind's records are sealed under."""
    values = await store.run("HVALS", names.context(user_id, kind))
    return {int.from_bytes(value[10:14], "big") for value in values}


class Traffic:
    """Requests of one user through one worker, as fast as they go: none of them may fail."""

    def __init__(self, scene: WorkerScene, user_id: str) -> None:
        self._scene = scene
        self._user_id = user_id
        self._moved = asyncio.Event()
        self.reads = self.writes = self.changes = 0

    async def run(self, until: asyncio.Event) -> None:
        """Go on until told to stop; raises what fails."""
        await asyncio.gather(self._read(until), self._write(until), self._change_keys(until))

    async def turn(self) -> None:
        """Wait until each sort of request was made once more."""
        goal = (self.reads + 1, self.writes + 1, self.changes + 1)
        while not all(
            now >= then
            for now, then in zip((self.reads, self.writes, self.changes), goal, strict=True)
        ):
            self._moved.clear()
            await self._moved.wait()

    async def _read(self, until: asyncio.Event) -> None:
        while not until.is_set():
            seen = await read_all(self._scene, self._user_id)
            assert seen["azure"] == SECRET
            assert len(seen["entries"]) == 70
            self.reads += 1
            self._moved.set()

    async def _write(self, until: asyncio.Event) -> None:
        keys = (await self._scene.accounts.load(self._user_id)).data_keys  # the same for all writes
        while not until.is_set():
            entry = draft(f"e{self.writes % 70}", TODAY, text=f"turn {self.writes}")
            await self._scene.context.put(keys, ENTRIES, [entry], TODAY)
            self.writes += 1
            self._moved.set()

    async def _change_keys(self, until: asyncio.Event) -> None:
        while not until.is_set():
            secret = f"{SECRET}{self.changes + 1}"
            await self._scene.keys.put(self._user_id, "openai", KeyChange(secret=secret), OFFER)
            self.changes += 1
            settings = {"azure_resource": "res", "azure_deployment": f"d{self.changes}"}
            await self._scene.keys.put(self._user_id, "azure", KeyChange(settings=settings), OFFER)
            self._moved.set()
