"""Keeps what a dead worker has counted, and not its files: each of them would be read by every scrape."""

import fcntl
import logging
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, cast

from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import mark_process_dead

from gateway.endpoints.exposition import locked

_ADDED_UP: Final = ("counter", "histogram")
_NOBODY: Final = "0"  # no worker's process id

log = logging.getLogger("gateway.worker")


def retire_counts(metrics_dir: Path, pid: int) -> None:
    """Drop the gauges of a worker that has died, and add its counts to those of the earlier dead.

    Blocks until no scrape reads. A file that cannot be read stays where it is; never raises.
    """
    try:
        with locked(metrics_dir, fcntl.LOCK_EX):
            mark_process_dead(pid, str(metrics_dir))  # type: ignore[no-untyped-call]
            for kind in _ADDED_UP:
                _add_up(metrics_dir / f"{kind}_{pid}.db", metrics_dir / f"{kind}_{_NOBODY}.db")
    except (OSError, RuntimeError, struct.error):
        log.exception("the counts of worker %d were not merged", pid)


def _add_up(source: Path, into: Path) -> None:
    """Move the counts of one file into another, which is replaced as a whole."""
    if not source.exists():
        return
    totals: dict[str, float] = {}
    for path in (into, source):
        for key, value in _read(path):
            totals[key] = totals.get(key, 0.0) + value
    fresh = into.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    file: Any = MmapedDict(str(fresh))  # type: ignore[no-untyped-call]
    for key, value in totals.items():
        file.write_value(key, value, 0.0)
    file.close()
    # In this order a crash in between counts nothing twice; what it loses is one dead worker's.
    source.unlink()
    fresh.replace(into)


def _read(path: Path) -> Iterable[tuple[str, float]]:
    if not path.exists() or not path.stat().st_size:
        return
    values = cast("Any", MmapedDict).read_all_values_from_file(str(path))
    for key, value, *_ in values:
        yield key, value
