"""How long to wait before the same target is tried again, where nobody named a time."""

from collections.abc import Callable


def full_jitter(retry: int, base_s: float, cap_s: float, random: Callable[[], float]) -> float:
    """Return seconds to wait before retry number `retry` (from 0): anything up to a growing cap.

    Full jitter spreads clients that failed together further apart than a wait that only grows.
    `random` yields numbers in [0, 1).
    """
    ceiling = min(cap_s, base_s * 2.0 ** min(retry, 32))
    return random() * ceiling
