"""Workers, gateway and store are killed under load, and the books are compared (G-03, G-13 to G-15).

    python -m tests.faults.crash_ledger --kills 300 --seed 1

The sandbox sells, in a process of its own; a gateway with several workers over its embedded store
buys for callers who read to the end or hang up. Workers are killed at random moments and at named
points (`crashing.py`), the store is killed, paused and given older files, the gateway is killed.
Then all is settled: every sale has one row and every row its sale, except rows marked `aborted`
that never reached the sandbox; what is marked `measured` is equal token for token; estimates are
of what was cut; totals and counters of limits are the sums of the rows. At last the store is
emptied (G-09), and must say so and get its usage back.

Prints figures; exits with 1 if a promise was broken.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.accounting.rows import LedgerRow
from gateway.store import names
from gateway.store.client import RedisStore, connect
from tests.faults.books import BUCKETS, Verdict, compare, differences, sums_of
from tests.faults.callers import Callers
from tests.faults.havoc import Havoc
from tests.faults.house import House, Till, start_sandbox_process

_NANO: Final = 10**9
_SHOWN: Final = 25
_COLLECT_S: Final = 5.0


class Options(Struct, frozen=True):
    """How much of everything."""

    kills: int = 300
    seed: int = 1
    workers: int = 3
    users: int = 6
    callers: int = 16
    other_share: float = 0.1


class Result(Struct, frozen=True):
    """What a run came to."""

    verdict: Verdict
    killed: Mapping[str, int]
    events: Mapping[str, int]
    outcomes: Mapping[str, int]
    sent: int
    took_s: float
    settled: bool
    flush_was_told: bool


async def play(house: House, till: Till, options: Options) -> Result:
    """Do harm under load, settle, and judge."""
    begun = time.monotonic()
    users = dict([await asyncio.to_thread(house.make_user) for _ in range(options.users)])
    callers = Callers(house.port, list(users.values()), options.seed)
    havoc = Havoc(house, options.seed)
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(callers.run(ended, options.callers))
        tasks.create_task(_collect_until(ended, till))
        await asyncio.sleep(1.0)
        await havoc.run(options.kills, options.other_share)
        await havoc.harm_each()
        ended.set()
    took_s = time.monotonic() - begun
    settled = await _settle(house)
    sales = await _wait_for_ends(till)
    async with await connect(house.store_url, timeout_s=10.0) as store:
        rows = [row for user in users for row in await read_rows(store, user)]
        verdict = compare(sales, rows, callers.completed)
        verdict.faults += await check_sums(house, store, list(users), rows)
        flush_was_told = await _flush(house, store, users, rows, verdict)
    return Result(
        verdict=verdict,
        killed=havoc.killed,
        events=havoc.events,
        outcomes=callers.outcomes,
        sent=callers.sent,
        took_s=took_s,
        settled=settled,
        flush_was_told=flush_was_told,
    )


async def read_rows(store: RedisStore, user: str) -> list[LedgerRow]:
    """Return every row of a user that was booked, twice where it was booked twice."""
    entries = await store.run("XRANGE", names.usage_rows(user), "-", "+")
    return [msgspec.json.decode(fields[1], type=LedgerRow) for _, fields in entries]


async def check_sums(
    house: House, store: RedisStore, users: list[str], rows: list[LedgerRow]
) -> list[str]:
    """Return how totals and the counters of limits differ from the rows."""
    faults = differences("deployment", _totals(house, ""), sums_of(rows))
    for user in users:
        of_user = sums_of(row for row in rows if row.user_id == user)
        faults += differences(user, _totals(house, f"&user={user}"), of_user)
        charged = await _charged(store, names.limit_used(user, "user", "cost_month", "*"))
        faults += differences(
            f"{user}'s limits", {"cost": charged}, {"cost": of_user.get("cost_nano", 0)}
        )
    charged = await _charged(store, names.limit_used("", "all", "cost_month", "*"))
    spent = sum(row.cost_nano or 0 for row in rows)
    return faults + differences("everyone's limits", {"cost": charged}, {"cost": spent})


def _totals(house: House, of: str) -> dict[str, int]:
    today = datetime.now(UTC).date()
    span = f"from={today - timedelta(days=1)}&to={today}"
    total = house.admin("GET", f"/admin/v1/usage?{span}{of}")["total"]
    tokens = {name: total["tokens"][name] for name in BUCKETS if name in total["tokens"]}
    nano = int(Decimal(total["cost_usd"]) * _NANO)
    found = {"attempts": total["attempts"], "cost_nano": nano, **tokens}
    return {name: value for name, value in found.items() if value}


async def _charged(store: RedisStore, pattern: str) -> int:
    keys = await store.run("KEYS", pattern.replace("[", "\\["))
    return sum([int(await store.run("GET", key)) for key in keys])


async def _collect_until(ended: asyncio.Event, till: Till) -> None:
    while not ended.is_set():
        await asyncio.to_thread(till.collect)
        try:
            await asyncio.wait_for(ended.wait(), _COLLECT_S)
        except TimeoutError:
            continue


async def _settle(house: House) -> bool:
    """Start the gateway once more, and let it bring everything to the store."""
    await asyncio.to_thread(house.stop)
    await house.restart()
    return await house.settle()


async def _wait_for_ends(till: Till) -> list[Any]:
    deadline = time.monotonic() + 20
    while True:
        sales = await asyncio.to_thread(till.collect)
        if all(sale.ended for sale in sales) or time.monotonic() > deadline:
            return sales
        await asyncio.sleep(0.2)


async def _flush(
    house: House,
    store: RedisStore,
    users: Mapping[str, str],
    rows: list[LedgerRow],
    verdict: Verdict,
) -> bool:
    """Empty the store: usage comes back from the spools. Returns whether it was told in the log."""
    before = house.log_path.stat().st_size
    await store.run("FLUSHALL")
    for token in users.values():
        status = await asyncio.to_thread(house.status_of_chat, token)
        if status != 401:
            verdict.faults.append(f"after a flush somebody nobody knows is answered with {status}")
    deadline = time.monotonic() + 30
    wanted = sorted((row.request_id, row.attempt) for row in rows)
    while True:
        back = [row for user in users for row in await read_rows(store, user)]
        found = sorted((row.request_id, row.attempt) for row in back)
        if found == wanted or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.2)
    if found != wanted:
        verdict.faults.append(f"after a flush {len(found)} of {len(wanted)} rows are there again")
    else:
        for user in users:
            of_user = sum(row.cost_nano or 0 for row in rows if row.user_id == user)
            charged = await _charged(store, names.limit_used(user, "user", "cost_month", "*"))
            verdict.faults += differences(
                f"{user}'s limits after a flush", {"cost": charged}, {"cost": of_user}
            )
    with house.log_path.open("rb") as log:
        log.seek(before)
        return any(b'"level":"error"' in line and b"lost" in line for line in log)


def run(home: Path, options: Options) -> Result:
    """Build the house in `home` and play."""
    with start_sandbox_process() as origin:
        house, till = House(home, origin, options.workers), Till(origin)
        try:
            house.begin()
            return asyncio.run(play(house, till, options))
        finally:
            house.stop()
            till.close()


def main() -> int:
    """Play at full size, and print what it came to."""
    given = _read_options()
    with tempfile.TemporaryDirectory(prefix="gwtest-") as folder:
        result = run(Path(folder) / "house", given)
    verdict = result.verdict
    for name in ("killed", "events", "outcomes"):
        print(f"{name:24} {dict(sorted(getattr(result, name).items()))}")
    print(f"{'workers killed':24} {sum(result.killed.values())} in {result.took_s:.0f} s")
    print(f"{'requests made':24} {result.sent}")
    print(f"{'requests in the books':24} {verdict.requests}")
    print(f"{'sales, rows':24} {verdict.sales}, {verdict.attempts}")
    print(f"{'rows by certainty':24} {dict(verdict.certainties)}")
    print(
        f"{'rows without a sale':24} {verdict.unsold}, with {verdict.unsold_tokens} tokens; "
        f"never arrived {verdict.never_arrived}"
    )
    errors = verdict.estimate_errors or [0]
    print(
        f"{'estimates':24} {verdict.estimates} rows, {verdict.estimate_share:.1%} of the tokens sold; "
        f"{verdict.estimated_tokens} booked for {verdict.estimated_sold_tokens} sold; by row "
        f"median {statistics.median(errors):+.0f}, mean {statistics.mean(errors):+.1f}, "
        f"mean absolute {statistics.mean(map(abs, errors)):.1f} tokens"
    )
    print(f"{'spools drained':24} {result.settled}")
    print(f"{'flush told in the log':24} {result.flush_was_told}")
    print(f"{'faults':24} {len(verdict.faults)}")
    for fault in verdict.faults[:_SHOWN]:
        print(f"  {fault}")
    return 0 if is_good(result) else 1


def is_good(result: Result) -> bool:
    """Whether every promise was kept."""
    return not result.verdict.faults and result.settled and result.flush_was_told


def _read_options() -> Options:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in msgspec.structs.asdict(Options()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    return Options(**vars(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
