"""What is done with spools of the dead: close what they left open, and delete what is too old."""

from msgspec.structs import replace

from gateway.accounting.counting import count
from gateway.accounting.rows import LedgerRow, Status
from gateway.accounting.spool.place import SpoolDir
from gateway.accounting.spool.source import OpenAttempt, Source
from gateway.accounting.spool.writer import SpoolWriter
from gateway.types.usage import Certainty


def take_over(place: SpoolDir) -> Source:
    """Read what a dead writer left, and close what it left open, in its own spool."""
    source = Source(place, is_own=False, aloud=False)
    while source.advance():
        pass
    if source.open_attempts:
        writer = SpoolWriter(
            place, first_seq=source.last_seq + 1, first_segment=max(place.segments()) + 1
        )
        for attempt in source.open_attempts:
            row = row_of_lost(attempt)
            writer.close_attempt(attempt.opened.seq, row, attempt.opened.tally)
            count(row)
        for attempt in source.open_attempts:
            if attempt.opened.tally is not None:
                opened = attempt.opened.row
                writer.release(opened.user_id, opened.request_id, attempt.opened.tally)
        writer.aclose()
    return Source(place, is_own=False)


def row_of_lost(attempt: OpenAttempt) -> LedgerRow:
    """Return the row of an attempt whose worker died: as far as it is known to have come."""
    row = replace(attempt.opened.row, status=Status.CUT, failure="worker_lost")
    if attempt.last is None:
        return row
    return replace(
        row,
        usage=attempt.last.usage,
        cost_nano=attempt.last.cost_nano,
        certainty=Certainty.ESTIMATED,
    )


def discard_old(source: Source, before: float) -> None:
    """Delete the segments that are drained and older than they need be kept."""
    drained = source.drained
    for number in source.place.segments():
        path = source.place.segment(number)
        done = number < drained.segment or (not source.is_own and not source.open_attempts)
        if done and path.stat().st_mtime < before:
            path.unlink()
