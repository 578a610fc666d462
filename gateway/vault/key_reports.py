"""Who holds which KEKs now: every process that may wrap or unwrap data keys says so every few seconds.

Times are the store's own, so that the clocks of hosts need not agree. A process that was killed is
not waited for until its report is stale where its end can be seen from here.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from gateway.store import names
from gateway.store.base import Script, Store

REPORT_EVERY_S: Final = 5.0
STALE_S: Final = 30.0
"""A process that has not reported for so long is not waited for: it has ended, or lost the store."""

_WRITE_REPORT: Final = Script(
    "write_key_report",
    """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local at = tonumber(string.match(all[i + 1], '^%d+')) or 0
  if now - at > tonumber(ARGV[3]) then redis.call('HDEL', KEYS[1], all[i]) end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now) .. ARGV[2])
""",
)
"""KEYS: reports. ARGV: process, report, microseconds after which others' reports are dropped."""

_READ_REPORTS: Final = Script(
    "read_key_reports",
    """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local all, live = redis.call('HVALS', KEYS[1]), {}
for i = 1, #all do
  local at, report = string.match(all[i], '^(%d+) (.*)$')
  if at and now - tonumber(at) <= tonumber(ARGV[1]) then live[#live + 1] = report end
end
return live
""",
)
"""KEYS: reports. ARGV: microseconds after which a report is ignored. Reads only."""


class KeyReport(Struct, frozen=True):
    """What one process says: `who` it is, to people; the id it wraps under; check values by id.

    `primary` is 0 and `held` empty while it is starting and has not read its ring. `pid` means
    something in the same `pid_space` only: on one host, and not in one of its containers.
    """

    who: str
    process: str
    primary: int = 0
    held: Mapping[int, str] = {}
    pid: int = 0
    pid_space: str = ""

    def holds(self, kek_id: int, check_value: str) -> bool:
        """Whether it has this very key."""
        return self.held.get(kek_id) == check_value


async def write_report(store: Store, report: KeyReport) -> None:
    """Say what this process holds. Raises StoreAway."""
    text = msgspec.json.encode(report)
    stale_us = int(STALE_S * 1_000_000)
    await store.script(_WRITE_REPORT, [names.key_reports()], [report.process, text, stale_us])


async def read_reports(store: Store) -> list[KeyReport]:
    """Return the reports of the processes that are alive. Raises StoreAway."""
    stale_us = int(STALE_S * 1_000_000)
    found = await store.script(_READ_REPORTS, [names.key_reports()], [stale_us])
    reports = [msgspec.json.decode(text, type=KeyReport) for text in found]
    here = pid_space()
    return [
        report
        for report in reports
        if not here or report.pid_space != here or not _has_ended(report.pid)
    ]


async def drop_report(store: Store, process: str) -> None:
    """Take this process's report out: it holds nothing any more. Raises StoreAway."""
    await store.run("HDEL", names.key_reports(), process)


def pid_space() -> str:
    """Return what tells apart the places where the same pid is another process; "" if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except (OSError, ValueError):  # no Linux, or one that does not show it
        return ""


def _has_ended(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's, and alive
        return False
    return False
