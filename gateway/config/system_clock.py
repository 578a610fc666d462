"""The clock of the machine: the one place where the gateway reads the time."""

import time


class SystemClock:
    """`Clock` over the machine's own clocks."""

    def now(self) -> float:
        """Return seconds since the Unix epoch."""
        return time.time()  # noqa: TID251  # this is the Clock that everybody else takes

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()
