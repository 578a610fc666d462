"""When to try a node again: the rest after failures in a row. Pure: time is an argument."""

STEADY_S = 2.0
"""A connection that lasted this long ends a row of failures."""


class Breaker:
    """Counts failures in a row and says how long to rest before the next probe.

    The first failure after a steady time rests not at all, so that a server restart or a dropped
    connection costs nobody an error. From the second on the rest doubles, up to `longest_s`; while
    it lasts the breaker is open.
    """

    def __init__(self, first_s: float = 0.1, longest_s: float = 1.0) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0
        self._connected_at: float | None = None

    def connected(self, now: float) -> None:
        """A probe succeeded at `now` (monotonic seconds). Only time shows whether it holds."""
        self._connected_at = now

    def failed(self, now: float) -> float:
        """Note a failure at `now` and return the seconds to rest before the next probe."""
        if self._connected_at is not None and now - self._connected_at >= STEADY_S:
            self._failures = 0
        self._connected_at = None
        self._failures += 1
        if self._failures == 1:
            return 0.0
        rest_s: float = self._first_s * 2 ** min(self._failures - 2, 16)
        return min(rest_s, self._longest_s)
