"""One spool as the drainer sees it: what is next, what is still open, and how far it is done."""

from msgspec import Struct

from gateway.accounting.spool.frames import Closed, Opened, Progress, Released
from gateway.accounting.spool.place import Position, SpoolDir
from gateway.accounting.spool.reader import Found, SpoolReader


class OpenAttempt(Struct, frozen=True):
    """An attempt whose end has not been read yet, and where its opening lies."""

    at: Position
    opened: Opened
    last: Progress | None = None


class Source:
    """Reads a spool's bookings in order.

    `waiting` are bookings that were read and not yet applied, by user and in order: the next read
    comes only when it is empty, so that no user's bookings overtake each other. `booked` are those
    of the same read that were applied, by number; `released` is what is freed behind them; `added` is what was added to everyone's totals
    last, by day.
    """

    def __init__(self, place: SpoolDir, *, is_own: bool, aloud: bool = True) -> None:
        self.place = place
        self.is_own = is_own
        self.is_fresh = not is_own  # nobody has yet looked whether the store has what it once took
        self.waiting: dict[str, list[Closed]] = {}
        self.booked: dict[int, Closed] = {}
        self.released: list[Released] = []
        self.added: dict[str, int] = {}
        self.last_seq = 0
        self._open: dict[int, OpenAttempt] = {}
        self._reader = SpoolReader(place, place.read_drained(), ended=not is_own, aloud=aloud)
        self._noted = self._reader.position

    @property
    def open_attempts(self) -> tuple[OpenAttempt, ...]:
        """What was opened and not closed so far, the oldest first."""
        return tuple(self._open.values())

    @property
    def drained(self) -> Position:
        """Everything before this is closed and applied; after a crash it is read from here again."""
        for attempt in self._open.values():
            return attempt.at
        return self._reader.position

    def advance(self) -> bool:
        """Read on, into `waiting`; False if there is nothing more for now. Raises OSError."""
        found = self._reader.read()
        if found is None:
            return False
        for each in found:
            self._take(each)
        return True

    def note_drained(self) -> None:
        """Write down how far it is done, if that has changed. Raises OSError."""
        position = self.drained
        if not (self.waiting or self.released) and position != self._noted:
            self.place.write_drained(position)
            self._noted = position

    def _take(self, found: Found) -> None:
        record = found.record
        self.last_seq = max(self.last_seq, record.seq)
        match record:
            case Opened():
                self._open[record.seq] = OpenAttempt(found.at, record)
            case Progress():
                attempt = self._open.get(record.of)
                if attempt is not None:
                    self._open[record.of] = OpenAttempt(attempt.at, attempt.opened, record)
            case Closed():
                self._open.pop(record.of, None)
                self.waiting.setdefault(record.row.user_id, []).append(record)
            case Released():
                self.released.append(record)


def bookings_from(place: SpoolDir, segment: int) -> list[Closed]:
    """Return every booking of one segment, in order. Blocks; raises OSError."""
    reader = SpoolReader(place, Position(segment, 0), aloud=False)
    bookings = []
    while (found := reader.read()) is not None and reader.position.segment == segment:
        bookings += [each.record for each in found if isinstance(each.record, Closed)]
    return bookings
