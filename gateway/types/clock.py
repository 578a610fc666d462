"""Time as an argument, so that tests can move it."""

from typing import Protocol


class Clock(Protocol):
    """Where the gateway reads the time."""

    def now(self) -> float:
        """Return wall-clock time: seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back; for deadlines and latencies."""
        ...
