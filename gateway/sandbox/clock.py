"""The sandbox's clock: it is a process of its own, so it brings its own."""

import time


class WallClock:
    """Real time. Tests pass a clock of their own instead."""

    def now(self) -> float:
        """Return seconds since the Unix epoch."""
        return time.time()  # noqa: TID251  # the one place of this process that reads the time

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()
