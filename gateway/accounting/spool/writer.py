"""Appends records to a spool: synchronous, one `write` each, safe from a killed process at once.

A write goes to the kernel, which keeps it when the process dies. Against a power cut the files are
flushed in groups (`take_unflushed`), or before each append returns (`always_flush`).

A disk that does not take a record keeps nobody waiting: the record stays in memory, and is written
first as soon as the disk takes it; the segment it failed in is abandoned, because its end is torn.
"""

import errno
import logging
import os
from collections import deque
from collections.abc import Callable
from typing import Final

from gateway import metrics
from gateway.accounting.limits.tally import Tally
from gateway.accounting.rows import LedgerRow
from gateway.accounting.spool.frames import (
    HEADER,
    Closed,
    Opened,
    Progress,
    Released,
    SpoolRecord,
    pack,
)
from gateway.accounting.spool.place import SpoolDir
from gateway.types.usage import Usage

MAX_SEGMENT_BYTES: Final = 16 * 1024 * 1024
MOST_HELD: Final = 100_000
MOST_USERS: Final = 50_000
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC

log = logging.getLogger("gateway.spool")


class SpoolWriter:
    """The pen of one spool. Not for several threads."""

    def __init__(  # noqa: PLR0913  # all but the first have defaults
        self,
        place: SpoolDir,
        *,
        first_seq: int = 1,
        first_segment: int = 1,
        always_flush: bool = False,
        max_segment_bytes: int = MAX_SEGMENT_BYTES,
        most_held: int = MOST_HELD,
        flush: Callable[[int], None] = os.fdatasync,
    ) -> None:
        self._place = place
        self._next_seq = first_seq
        self._next_segment = first_segment
        self._always_flush = always_flush
        self._max_segment_bytes = max_segment_bytes
        self._most_held = most_held
        self.flush = flush
        self._is_failing = False
        self._fd: int | None = None
        self._size = 0
        self._dirty = False
        self._held: deque[bytes] = deque()
        self._last_of: dict[str, int] = {}  # user → last booking, the least recent first

    @property
    def held(self) -> int:
        """How many records wait in memory because the disk did not take them."""
        return len(self._held)

    def begin(self) -> None:
        """Make the first segment, to find out whether the disk takes any. Raises OSError."""
        self._segment()

    def open(self, row: LedgerRow, tally: Tally | None = None) -> int:
        """Note that an attempt is about to be sent; returns the number to close it with."""
        seq = self._take_seq()
        self._append(Opened(seq, row, tally))
        return seq

    def progress(self, of: int, usage: Usage, cost_nano: int | None) -> None:
        """Note how far an attempt has come."""
        self._append(Progress(self._take_seq(), of, usage, cost_nano))

    def release(self, user_id: str, hold: str, tally: Tally) -> None:
        """Note, behind a request's rows, that what it holds of limits is free again."""
        if tally.held:
            self._append(Released(self._take_seq(), user_id, hold, tally))

    def close_attempt(self, of: int, row: LedgerRow, tally: Tally | None = None) -> int:
        """Note an attempt's end: from here on its row will be booked, whatever dies."""
        seq = self._take_seq()
        previous = self._last_of.pop(row.user_id, 0)
        if len(self._last_of) >= MOST_USERS:
            self._last_of.pop(next(iter(self._last_of)))
        self._last_of[row.user_id] = seq
        self._append(Closed(seq, of, row, previous, tally))
        return seq

    def take_unflushed(self) -> int | None:
        """Return a descriptor of the file that holds what was written since the last flush.

        The caller flushes it (`flush`, in a thread) and closes it; where that fails it calls
        `abandon`. None if there is nothing to flush.
        """
        if self._fd is not None and os.fstat(self._fd).st_nlink == 0:
            self.abandon("its folder was removed")
        if self._fd is None or not self._dirty:
            return None
        self._dirty = False
        return os.dup(self._fd)

    def abandon(self, why: str) -> None:
        """Never write to the present file again: its end is torn, or the disk has failed it.

        After a failed flush a disk may have lost anything, and says so only once (fsync(2)).
        """
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        metrics.SPOOL_FAILURES.inc()
        if not self._is_failing:
            log.error("the spool cannot be written: %s", why)
        self._is_failing = True

    def retry_held(self) -> None:
        """Try again to write what the disk did not take."""
        while self._held and self._write_safely(self._held[0]):
            self._held.popleft()

    def aclose(self) -> None:
        """Write what can be written, and close the file."""
        self.retry_held()
        self._end_segment()
        if self._held:
            log.error("records that no disk took are lost: %d", len(self._held))
            metrics.SPOOL_LOST.inc(len(self._held))

    def _take_seq(self) -> int:
        seq = self._next_seq
        self._next_seq += 1
        return seq

    def _append(self, record: SpoolRecord) -> None:
        frame = pack(record)
        self.retry_held()
        if not self._held and self._write_safely(frame):
            return
        if len(self._held) >= self._most_held:
            metrics.SPOOL_LOST.inc()
            return
        self._held.append(frame)

    def _write_safely(self, frame: bytes) -> bool:
        """Write a frame, and have it flushed where that is asked for; False: write it once more.

        One that is there twice after all has the same number both times, and counts once.
        """
        return self._write(frame) and (not self._always_flush or self._flush_now())

    def _write(self, frame: bytes) -> bool:
        try:
            fd = self._segment()
            written = os.write(fd, frame)
        except OSError as error:
            self.abandon(os.strerror(error.errno or 0))
            return False
        if written < len(frame):  # the disk is full: the rest would come after other frames
            self.abandon("short write")
            return False
        if self._is_failing:
            log.warning("the spool can be written again")
            self._is_failing = False
        self._size += written
        self._dirty = True
        if self._size >= self._max_segment_bytes:
            self._end_segment()
        return True

    def _segment(self) -> int:
        if self._fd is None:
            path = self._place.segment(self._next_segment)
            self._next_segment += 1
            try:
                fd = os.open(path, _FLAGS, 0o600)
            except FileNotFoundError:  # somebody has removed the folder
                self._place.make_again()
                fd = os.open(path, _FLAGS, 0o600)
            try:
                self._size = _write_header(fd)
            except OSError:
                os.close(fd)
                path.unlink()
                raise
            self._fd = fd
        return self._fd

    def _flush_now(self) -> bool:
        if self._fd is None:
            return True
        self._dirty = False
        try:
            self.flush(self._fd)
        except OSError as error:
            self.abandon(os.strerror(error.errno or 0))
            return False
        return True

    def _end_segment(self) -> None:
        self._flush_now()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _write_header(fd: int) -> int:
    written = os.write(fd, HEADER)
    if written < len(HEADER):
        raise OSError(errno.ENOSPC, "short write")
    return written
