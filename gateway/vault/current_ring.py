"""The ring that is in force in this process: replaced whole, read anew for every operation."""

from typing import Final

from gateway.errors import StoreAway
from gateway.types.clock import Clock
from gateway.vault.key_ring import KeyRing

_FOR_EVER: Final = float("inf")


class CurrentRing:
    """Holds the ring; a `RingSource`. `vault/keeper.py` says why it is as it is.

    Keys that a new ring lacks open for a while longer: copies of data keys wrapped under them may
    be in the hands of requests in flight. Once `renew` was called, new data keys are wrapped only
    up to the time it named.
    """

    def __init__(self, ring: KeyRing, clock: Clock) -> None:
        self._clock = clock
        self._ring = self._opening = ring
        self._opening_until = self._wrapping_until = _FOR_EVER

    @property
    def ring(self) -> KeyRing:
        """The ring as it was given, without what is still opened beside it."""
        return self._ring

    @property
    def for_opening(self) -> KeyRing:
        """The ring and, for a while, the keys that were taken out of it."""
        if self._clock.monotonic() >= self._opening_until:
            self._opening, self._opening_until = self._ring, _FOR_EVER
        return self._opening

    @property
    def for_wrapping(self) -> KeyRing:
        """The ring, whose primary wraps. Raises StoreAway once the time given by `renew` is over."""
        if self._clock.monotonic() >= self._wrapping_until:
            raise StoreAway("No data key can be made before the store confirms the key ring.")
        return self._ring

    def take(self, ring: KeyRing, grace_s: float) -> None:
        """Put a ring in force; keys it lacks open for `grace_s` more seconds."""
        gone = set(self._ring.ids) - set(ring.ids)
        self._opening = ring.with_keys_of(self.for_opening)
        if gone:
            self._opening_until = self._clock.monotonic() + grace_s
        self._ring = ring

    def renew(self, until: float) -> None:
        """Allow new data keys until this reading of `Clock.monotonic`."""
        self._wrapping_until = until
