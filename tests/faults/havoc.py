"""Kills workers, the gateway and its store; keeps count of what it did."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec

from gateway.supervisor.respawn import MOST_EARLY_DEATHS, STEADY_S
from tests.faults.crashing import POINTS, Plan
from tests.faults.house import House
from tests.waiting import async_wait_until

_POINT_LIMIT_S: Final = 3.0
_OLD_S: Final = STEADY_S + 0.5
_STORE_EVENTS: Final = ("store killed", "store paused", "store lost its tail", "gateway killed")


class Havoc:
    """Does harm until enough workers have died.

    A worker that dies young too often in a row makes the parent give up, as it should; so the
    victims are chosen among those that may still die once more.
    """

    def __init__(self, house: House, seed: int) -> None:
        self._house = house
        self._chance = random.Random(seed)
        self._folder = house.data / "crash"
        self._plans = 0
        self._streaks: Counter[int] = Counter()
        self._pids: dict[int, int] = {}
        self._last_killed: dict[int, int] = {}
        self.killed: Counter[str] = Counter()  # by point; "anywhere" for those at random
        self.events: Counter[str] = Counter()

    @property
    def kills(self) -> int:
        """How many workers were killed."""
        return self.killed.total()

    async def run(self, kills: int, other_share: float = 0.1) -> None:
        """Kill so many workers; `other_share` of the steps harm something else."""
        points = list(POINTS)
        self._house.put_aside()
        while self.kills < kills:
            await self._mind()
            if self._chance.random() < other_share:
                await self._harm_other(self._chance.choice(_STORE_EVENTS))
            victims = self._victims()
            if not victims:
                await asyncio.sleep(0.1)
            elif self._chance.random() < 0.25:
                self._kill_one(victims)
            else:
                self._chance.shuffle(points)
                await self._kill_at(min(points, key=lambda p: self.killed[p]), victims)
            await asyncio.sleep(self._chance.uniform(0, 0.25))

    async def harm_each(self) -> None:
        """Do each kind of other harm once."""
        for event in _STORE_EVENTS:
            await self._mind()
            await self._harm_other(event)

    # --- workers ------------------------------------------------------------------------------

    def _victims(self) -> dict[int, int]:
        """Return the pids, by worker, of those that live and may die."""
        found = {}
        for worker in range(self._house.workers):
            path = self._folder / f"worker-{worker}"
            with contextlib.suppress(OSError, ValueError):
                pid, age = int(path.read_text()), _age(path)
                known = self._pids.get(worker)
                if known not in (None, pid, self._last_killed.get(worker)):
                    self._streaks[worker] += 1  # it ended by itself: the store was away, say
                self._pids[worker] = pid
                os.kill(pid, 0)
                if age > _OLD_S or self._streaks[worker] < MOST_EARLY_DEATHS - 2:
                    found[worker] = pid
        return found

    def _kill_one(self, victims: dict[int, int]) -> None:
        worker = self._chance.choice(sorted(victims))
        age = _age(self._folder / f"worker-{worker}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(victims[worker], signal.SIGKILL)
            self._note("anywhere", worker, victims[worker], age)

    async def _kill_at(self, point: str, victims: dict[int, int]) -> None:
        self._plans += 1
        plan = Plan(self._plans, point, self._chance.randint(1, 6), tuple(victims))
        ages = {worker: _age(self._folder / f"worker-{worker}") for worker in victims}
        draft, place = self._folder / "draft", self._folder / "plan"
        reached = self._folder / f"reached-{plan.id}"
        draft.write_bytes(msgspec.json.encode(plan))
        draft.replace(place)
        begun = time.monotonic()
        with contextlib.suppress(AssertionError):
            await async_wait_until(reached.exists, _POINT_LIMIT_S)
        place.unlink(missing_ok=True)
        await asyncio.sleep(0.05)  # for one who has just taken it
        if reached.exists():
            worker = int(reached.read_text())
            self._note(point, worker, victims[worker], ages[worker] + time.monotonic() - begun)

    def _note(self, point: str, worker: int, pid: int, age: float) -> None:
        self.killed[point] += 1
        self._last_killed[worker] = pid
        if age > _OLD_S:
            self._streaks[worker] = 0
        self._streaks[worker] += 1

    # --- the rest -----------------------------------------------------------------------------

    async def _harm_other(self, event: str) -> None:
        match event:
            case "store killed":
                await self._house.kill_store()
            case "store paused":
                await self._pause_store()
            case "store lost its tail":
                await self._house.lose_tail()
                await self._put_aside()
            case _:
                self._house.kill()
                await self._restart(event)
                return
        self.events[event] += 1

    async def _pause_store(self) -> None:
        pid = self._house.store_pid()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(self._chance.uniform(0.3, 2.0))
            os.kill(pid, signal.SIGCONT)

    async def _put_aside(self) -> None:
        """Copy a state to go back to the next time, once the store is there again."""
        await async_wait_until(lambda: self._house.store_pid() or not self._house.is_running, 60)
        await self._mind()
        await asyncio.sleep(0.5)
        self._house.put_aside()

    async def _mind(self) -> None:
        """Start the gateway again if it has given up."""
        if not self._house.is_running:
            await self._restart("gateway gave up")

    async def _restart(self, why: str) -> None:
        self.events[why] += 1
        await asyncio.sleep(1.0)  # orphaned workers end by themselves
        self._streaks.clear()
        self._pids.clear()
        await self._house.restart()


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime
