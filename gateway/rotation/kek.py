"""The rotation of the KEK: add → promote → rewrap → retire. `vault/keeper.py` says why it is safe.

Where a rotation stands is read off the ring and the store, so a run that was cut short anywhere is
finished by the next one. The ring of a file on this host is written here, whole; any other ring (a
variable, a program) is the operator's to change, and the steps only wait and say what is to be done.
"""

import asyncio
import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final

from msgspec import Struct

from gateway.rotation.rewrap import (
    KeysKeepComing,
    Progress,
    Rewrapped,
    count_left,
    rewrap_all,
    rewrap_rest,
)
from gateway.store import names
from gateway.store.base import Store
from gateway.types.clock import Clock
from gateway.vault.codec import KEY_BYTES
from gateway.vault.keeper import RingKeeper
from gateway.vault.key_files import SecretSource, replace_secret
from gateway.vault.key_reports import KeyReport, read_reports
from gateway.vault.key_ring import KeyRing
from gateway.vault.registry import read_registry, retire_key
from gateway.vault.vault import Vault

_ASK_EVERY_S: Final = 0.1
_LET_GO_S: Final = 3.0


class Step(StrEnum):
    """The steps, in their order."""

    ADD = "add"
    PROMOTE = "promote"
    REWRAP = "rewrap"
    RETIRE = "retire"


class RotationHeld(Exception):
    """A step cannot be done yet; the message says what is to be done. Nothing is lost by waiting."""


class Surroundings(Struct, frozen=True):
    """What a rotation works with. `reload` makes the gateway on this host read its ring again.

    A step waits up to `wait_s` for all processes: longer than it takes until a dead one is no
    longer counted among them.
    """

    store: Store
    vault: Vault
    keeper: RingKeeper
    source: SecretSource
    clock: Clock
    reload: Callable[[], object]
    progress: Progress
    wait_s: float = 60.0
    random_bytes: Callable[[int], bytes] = os.urandom


class KekRotation:
    """One rotation, to the key id `to`. Make it with `find_rotation`."""

    def __init__(self, place: Surroundings, to: int, *, resumed: bool) -> None:
        self.to = to
        self.resumed = resumed
        self._place = place
        self._store = place.store
        self._file: Path | None = place.keeper.ring_file

    async def do(self, step: Step) -> Rewrapped:
        """Do one step, or find it done. Raises RotationHeld, ConfigError, StoreAway."""
        if step is Step.ADD:
            await self._add()
        elif step is Step.PROMOTE:
            await self._promote()
        elif step is Step.REWRAP:
            return await self._rewrap()
        else:
            return await self._retire()
        return Rewrapped()

    async def _add(self) -> None:
        if self._file is None and self.to not in self._ring.ids:
            raise RotationHeld(
                f"add a key with the id {self.to} to the ring ({self._place.source.setting}) of "
                "every replica, make them read it, and call this again; a key is 32 random "
                "bytes: openssl rand -base64 32"
            )
        # First, so that a run that is cut short here or later is known for what it was.
        await self._store.run("HSET", names.kek_rotation(), "to", self.to)
        if self.to not in self._ring.ids:
            key = self._place.random_bytes(KEY_BYTES)
            await self._write(self._ring.with_key(self.to, key))
        await self._spread()
        await self._wait(self._is_held_by, f"to hold key id {self.to}")

    async def _promote(self) -> None:
        if self.to not in self._ring.ids:
            raise RotationHeld(f"key id {self.to} is not in the ring yet: add it first")
        await self._wait(self._is_held_by, f"to hold key id {self.to}")
        if self._ring.primary != self.to and self._file is not None:
            await self._write(self._ring.with_primary(self.to))
        await self._spread()
        if self._ring.primary != self.to:
            raise RotationHeld(
                f"every process holds key id {self.to}; make it the primary of the ring "
                f"({self._place.source.setting}) of every replica, make them read it, and call "
                "this again"
            )
        await self._wait(self._wraps, f"to wrap under key id {self.to}")

    async def _rewrap(self) -> Rewrapped:
        await self._demand_promoted()
        done = await rewrap_all(self._store, self._place.vault, self.to, self._place.progress)
        return done + await self._rewrap_rest()

    async def _retire(self) -> Rewrapped:
        await self._demand_promoted()
        done = await self._rewrap_rest()
        left = await count_left(self._store, self._place.vault)
        if left:
            raise RotationHeld(f"{left} data keys are still wrapped under another key")
        registry = await read_registry(self._store)
        old = ({*registry.needed, *registry.added, *self._ring.ids}) - {self.to}
        # Before the ring is changed: a store that needs a key which is not there opens for nobody.
        for kek_id in sorted(old):
            await retire_key(self._store, kek_id)
        if self._file is not None:
            await self._write(self._ring.with_primary(self.to).with_primary_only())
            await self._spread()
            # Nothing hangs on it: replicas with files of their own keep the old key till it is
            # taken out there.
            await self._wait_for_all(lambda report: not old & report.held.keys(), _LET_GO_S)
        await self._store.run("DEL", names.kek_rotation())
        return done

    async def _rewrap_rest(self) -> Rewrapped:
        try:
            return await rewrap_rest(self._store, self._place.vault)
        except KeysKeepComing:
            raise RotationHeld("data keys go on appearing under an old key; call again") from None

    async def _demand_promoted(self) -> None:
        if self._ring.primary != self.to:
            raise RotationHeld(f"key id {self.to} is not the primary of the ring: promote it first")
        await self._wait(self._wraps, f"to wrap under key id {self.to}")

    @property
    def _ring(self) -> KeyRing:
        return self._place.keeper.wanted

    def _is_held_by(self, report: KeyReport) -> bool:
        check_value = self._ring.check_values().get(self.to)
        return check_value is not None and report.holds(self.to, check_value)

    def _wraps(self, report: KeyReport) -> bool:
        return self._is_held_by(report) and report.primary == self.to

    async def _write(self, ring: KeyRing) -> None:
        assert self._file is not None  # noqa: S101  # asked before
        setting = self._place.source.setting
        await asyncio.to_thread(replace_secret, self._file, ring.to_text(), setting)

    async def _spread(self) -> None:
        """Make this process and the gateway on this host read the ring; other hosts have theirs."""
        await self._place.keeper.reload()
        self._place.reload()

    async def _wait(self, is_ready: Callable[[KeyReport], bool], what: str) -> None:
        """Wait until every live process is ready. Raises RotationHeld naming those that are not."""
        lagging = await self._wait_for_all(is_ready, self._place.wait_s)
        if lagging:
            raise RotationHeld(
                f"waited {self._place.wait_s:g} s in vain for {', '.join(lagging)} {what}; see "
                "their logs, give them the ring, make them read it, and call this again"
            )

    async def _wait_for_all(
        self, is_ready: Callable[[KeyReport], bool], wait_s: float
    ) -> list[str]:
        """Return who is not ready in time."""
        clock, deadline = self._place.clock, self._place.clock.monotonic() + wait_s
        while True:
            reports = await read_reports(self._store)
            lagging = sorted(report.who for report in reports if not is_ready(report))
            if not lagging or clock.monotonic() >= deadline:
                return lagging
            await asyncio.sleep(_ASK_EVERY_S)


async def find_rotation(place: Surroundings) -> KekRotation:
    """Return the rotation that is under way, else a new one. Raises StoreAway."""
    noted = await place.store.run("HGET", names.kek_rotation(), "to")
    if noted is not None:
        return KekRotation(place, int(noted), resumed=True)
    registry, ring = await read_registry(place.store), place.keeper.wanted
    unfinished = set(ring.ids) - registry.retired.keys() - {ring.primary}
    if unfinished:
        return KekRotation(place, max(ring.ids), resumed=True)
    return KekRotation(place, max(registry.highest_id, *ring.ids) + 1, resumed=False)
