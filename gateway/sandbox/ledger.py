"""The sandbox's own books: what it sold, request by request, whatever the client made of it."""

from collections import deque

from msgspec import Struct

from gateway.sandbox.cache import PromptCounts

MAX_ROWS = 10_000


class Row(Struct):
    """One request. Token buckets are disjoint, as in `gateway.types.usage`.

    `status` None: no headers were sent. `completed`: the reply ended as the vendor ends it, and the
    client was there. `chunks`: events sent, 1 for a whole body. `key`: the start of the key's
    SHA-256. Times are Unix seconds.
    """

    client_request_id: str
    request_id: str
    format: str
    operation: str
    started: float
    key: str = ""
    model: str = ""
    stream: bool = False
    status: int | None = None
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    chunks: int = 0
    completed: bool = False
    ended: float | None = None

    def sell_prompt(self, counts: PromptCounts) -> None:
        """Book what the model read."""
        self.input = counts.input
        self.cache_read = counts.cache_read
        self.cache_write = counts.cache_write
        self.cache_write_1h = counts.cache_write_1h

    def sell_piece(self, output: int, reasoning: int) -> None:
        """Book a piece of the answer that left for the client."""
        self.output += output
        self.reasoning += reasoning
        self.chunks += 1


class Ledger:
    """The last rows, oldest dropped first; `dropped` says how many were."""

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        self._rows: deque[Row] = deque(maxlen=max_rows)
        self.dropped = 0

    def open(self, row: Row) -> Row:
        """Add a row when its request begins; it is filled in as the reply goes out."""
        self.dropped += len(self._rows) == self._rows.maxlen
        self._rows.append(row)
        return row

    def rows(self, client_request_id: str | None = None, limit: int = MAX_ROWS) -> list[Row]:
        """Return rows, newest first: all of them, or those of one client request id."""
        wanted = [
            row
            for row in reversed(self._rows)
            if client_request_id in (None, row.client_request_id)
        ]
        return wanted[:limit]

    def clear(self) -> None:
        """Forget all rows."""
        self._rows.clear()
        self.dropped = 0
