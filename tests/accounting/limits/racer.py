"""A process of its own that asks for admission: `racer.py URL race|hold NAME`."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from gateway.errors import RateLimited
from gateway.store.client import connect
from gateway.types.limits import LimitSet
from tests.accounting.limits.scene import gate_of, let_in, wanted


async def race(url: str, name: str) -> None:
    """Ask for 300 requests at once, when told to begin, and print how many were let in."""
    limits = LimitSet(concurrent=200)
    async with await connect(url, timeout_s=5.0) as store:
        gate = gate_of(store)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

        async def ask(number: int) -> bool:
            try:
                await let_in(gate, wanted(f"{name}{number}", limits, everyone=limits))
            except RateLimited:
                return False
            return True

        found = [await asyncio.gather(*(ask(n) for n in range(at, at + 10))) for at in _TENS]
    print(sum(sum(part) for part in found))


async def hold(url: str, name: str) -> None:
    """Be let in for half a second at most, and wait to be killed."""
    async with await connect(url, timeout_s=5.0) as store:
        await let_in(gate_of(store), wanted(name, LimitSet(concurrent=1), lease_s=0.5))
        print("held", flush=True)
        await asyncio.Event().wait()


_TENS = range(0, 300, 10)

if __name__ == "__main__":
    asyncio.run({"race": race, "hold": hold}[sys.argv[2]](sys.argv[1], sys.argv[3]))
