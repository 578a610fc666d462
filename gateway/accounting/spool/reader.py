"""Reads a spool in order, from a position on, as often as wanted: while it grows, and after.

Every frame of a segment is read or told of: a frame with a wrong checksum is set aside and what
follows is read on; where a length cannot be meant nothing behind it can be found, and the rest of
the segment is set aside. The writer abandons a segment whose end is torn, so that costs one frame.
"""

import logging
from typing import BinaryIO, Final

from msgspec import Struct

from gateway import metrics
from gateway.accounting.spool.frames import HEADER, SpoolRecord, unpack
from gateway.accounting.spool.place import Position, SpoolDir

READ_BYTES: Final = 1024 * 1024
_BEHIND_ALL: Final = 1 << 62

log = logging.getLogger("gateway.spool")


class Found(Struct, frozen=True):
    """A record, and the place where its frame begins."""

    record: SpoolRecord
    at: Position


class SpoolReader:
    """Reads one spool; the position is the reader's, the folder's note of it the drainer's.

    `ended` says that nobody writes here any more, so that a torn end is one. `aloud` is False for
    those who read what somebody else reads too: what is unreadable is told and set aside once.
    """

    def __init__(
        self, place: SpoolDir, position: Position, *, ended: bool = False, aloud: bool = True
    ) -> None:
        self._place = place
        self._ended = ended
        self._aloud = aloud
        self.position = position

    def read(self) -> list[Found] | None:
        """Return the next records, at most about a mebibyte; None if there are no more for now.

        Blocks for a short read. Raises OSError where the disk fails.
        """
        while True:
            segments = self._place.segments()
            following = [number for number in segments if number > self.position.segment]
            if self.position.segment in segments:
                found = self._read_segment(is_last=not (following or self._ended))
                if found is not None:
                    return found
            if not following:
                return None
            self.position = Position(following[0], 0)

    def _read_segment(self, *, is_last: bool) -> list[Found] | None:
        """Read on in the present segment; None at its end, or at what is not yet all written."""
        with self._place.segment(self.position.segment).open("rb") as file:
            if self.position.offset == 0 and not self._begin(file, is_last=is_last):
                return None
            file.seek(self.position.offset)
            data = file.read(READ_BYTES)
        found, used = self._take_frames(data)
        if used:
            self._move(used)
            return found
        if data and not is_last:  # nobody writes here any more
            self._set_aside(data)
            self._move(_BEHIND_ALL)
        return None

    def _begin(self, file: BinaryIO, *, is_last: bool) -> bool:
        """Move behind the header; False where it is not there, or is none of ours."""
        found = file.read(len(HEADER))
        if found == HEADER:
            self._move(len(HEADER))
            return True
        if not (is_last and HEADER.startswith(found)):
            self._set_aside(found)
            self._move(_BEHIND_ALL)  # there is nothing in it that we could read
        return False

    def _take_frames(self, data: bytes) -> tuple[list[Found], int]:
        segment, start = self.position.segment, self.position.offset
        found, used = [], 0
        for frame in unpack(data):
            if frame.record is None:
                self._set_aside(data[used : frame.end])
            else:
                found.append(Found(frame.record, Position(segment, start + used)))
            used = frame.end
        return found, used

    def _move(self, by_bytes: int) -> None:
        self.position = Position(self.position.segment, self.position.offset + by_bytes)

    def _set_aside(self, data: bytes) -> None:
        if not self._aloud:
            return
        metrics.SPOOL_UNREADABLE.inc()
        where = (self._place.writer, self.position.segment, self.position.offset)
        log.error("unreadable frames in spool %s, segment %d at %d", *where)
        self._place.quarantine(data)
