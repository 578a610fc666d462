"""Turns a Google service account into an access token, between vault and authorize.

Tokens are held in memory until shortly before they expire, by user, record and epoch; callers that
want the same one at the same moment share one exchange. Nothing opened is held beside the tokens:
of a service account only a digest stays, so that another one under the same key is noticed.
"""

import asyncio
import hashlib
from collections import OrderedDict
from urllib.parse import urlencode

from msgspec import Struct

from gateway.errors import Failure, UpstreamError
from gateway.types.clock import Clock
from gateway.types.secret import Secret
from gateway.types.upstream import UpstreamRequest
from gateway.upstream.grant import Grant, read_token_reply
from gateway.upstream.service_account import needs_exchange, sign_assertion
from gateway.upstream.transport import Timeouts, Transport, read_all

__all__ = ["GOOGLE_TOKEN_URL", "ExchangeKey", "TokenExchange", "needs_exchange"]

GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EARLY_S = 60.0  # a token is not used in its last minute
_MOST_HELD = 4096
_MOST_REPLY_BYTES = 64 * 1024
_CONNECT_S, _REPLY_S, _TOTAL_S = 5.0, 10.0, 15.0
_HEADERS = (("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json"))


class ExchangeKey(Struct, frozen=True):
    """Whose token: a user's id, the name of their provider key, the user's epoch.

    For the operator's own key: an empty user id, the provider's name, and any fixed epoch.
    """

    user_id: str
    name: str
    epoch: int


class _Held(Struct, frozen=True):
    """A token and until when it is used, on both clocks: a laptop's monotonic one may sleep."""

    token: Secret
    until: float
    until_monotonic: float


_Flight = asyncio.Task[_Held | UpstreamError]


class _Slot(Struct, frozen=True):
    """The exchange of one record, under way or done: a finished flight holds its token."""

    epoch: int
    digest: bytes
    flight: _Flight


class TokenExchange:
    """Access tokens for service accounts; one per worker.

    `token_url` is the operator's or a test's say, never the service account's. `most_held` bounds
    the tokens in memory; the one used longest ago makes room.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        *,
        token_url: str = GOOGLE_TOKEN_URL,
        most_held: int = _MOST_HELD,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._token_url = token_url
        self._most_held = most_held
        self._slots: OrderedDict[tuple[str, str], _Slot] = OrderedDict()
        self._running: set[_Flight] = set()

    async def access_token(
        self, key: ExchangeKey, service_account: Secret, *, deadline: float | None = None
    ) -> Secret:
        """Return a token that is good for another minute at least, or as new as can be had.

        `deadline` is the caller's own, a reading of `Clock.monotonic`. Being cancelled, or out of
        time, ends nothing for others who wait for the same token. Raises UpstreamError:
        KEY_REJECTED for an account that Google refuses or that is none, RATE_LIMITED, OVERLOADED,
        SERVER, BAD_REPLY, and what `Transport.send` raises.
        """
        flight = self._join(key, service_account)
        if not flight.done():
            left = None if deadline is None else max(0.0, deadline - self._clock.monotonic())
            await asyncio.wait({flight}, timeout=left)
        if not flight.done():
            raise UpstreamError(Failure.TIMEOUT, "No access token came in time.")
        if flight.cancelled():
            raise UpstreamError(Failure.UNREACHABLE, "The gateway is stopping.")
        outcome = flight.result()
        if isinstance(outcome, UpstreamError):
            raise _another(outcome)
        return outcome.token

    def forget(self, key: ExchangeKey, token: Secret | None = None) -> None:
        """Drop a token that the provider refused (401); harmless when repeated.

        With `token`, only if that very one is still held: of many requests that fail at once, the
        late ones do not drop what the first has fetched anew.
        """
        place = (key.user_id, key.name)
        slot = self._slots.get(place)
        if slot is None or slot.epoch != key.epoch:
            return
        held = _held(slot.flight)
        if held is not None and (token is None or held.token == token):
            del self._slots[place]

    def forget_user(self, user_id: str) -> None:
        """Drop every token of a user."""
        for place in [place for place in self._slots if place[0] == user_id]:
            del self._slots[place]

    async def aclose(self) -> None:
        """End exchanges under way, and drop every token."""
        self._slots.clear()
        running = list(self._running)
        for flight in running:
            flight.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _join(self, key: ExchangeKey, service_account: Secret) -> _Flight:
        """Return the exchange that serves this key: held, under way, or begun now."""
        place = (key.user_id, key.name)
        digest = hashlib.sha256(service_account.reveal().encode()).digest()
        slot = self._slots.get(place)
        same = slot is not None and (slot.epoch, slot.digest) == (key.epoch, digest)
        if slot is None or not same or not self._serves(slot.flight):
            self._drop_spent()
            flight = asyncio.get_running_loop().create_task(
                self._exchange(service_account), name="token-exchange"
            )
            self._running.add(flight)
            flight.add_done_callback(self._running.discard)
            slot = _Slot(key.epoch, digest, flight)
            self._slots[place] = slot
        self._slots.move_to_end(place)
        if len(self._slots) > self._most_held:
            self._slots.popitem(last=False)
        return slot.flight

    def _serves(self, flight: _Flight) -> bool:
        if not flight.done():
            return True
        held = _held(flight)
        if held is None:
            return False
        now, monotonic = self._clock.now(), self._clock.monotonic()
        return now < held.until and monotonic < held.until_monotonic

    def _drop_spent(self) -> None:
        spent = [place for place, slot in self._slots.items() if not self._serves(slot.flight)]
        for place in spent:
            del self._slots[place]

    async def _exchange(self, service_account: Secret) -> _Held | UpstreamError:
        """Return what all who wait shall see; a failure without the frames that saw the secret."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        try:
            grant = await self._ask(service_account, now, monotonic)
        except UpstreamError as error:
            return error.with_traceback(None)
        life = grant.expires_in - _EARLY_S
        return _Held(grant.token, now + life, monotonic + life)

    async def _ask(self, service_account: Secret, now: float, monotonic: float) -> Grant:
        # In a thread: checking an RSA key takes tens of milliseconds.
        assertion = await asyncio.to_thread(sign_assertion, service_account, self._token_url, now)
        form = urlencode({"grant_type": _GRANT_TYPE, "assertion": assertion.reveal()})
        request = UpstreamRequest("POST", self._token_url, _HEADERS, form.encode())
        timeouts = Timeouts(_CONNECT_S, _REPLY_S, _REPLY_S, monotonic + _TOTAL_S)
        reply = await self._transport.send(request, trusted=True, timeouts=timeouts)
        body = await read_all(reply, _MOST_REPLY_BYTES)
        return read_token_reply(reply.head, body, self._clock.now())


def _held(flight: _Flight) -> _Held | None:
    if not flight.done() or flight.cancelled() or flight.exception() is not None:
        return None
    outcome = flight.result()
    return outcome if isinstance(outcome, _Held) else None


def _another(error: UpstreamError) -> UpstreamError:
    """Return an equal error: each of those who wait gets one of its own to raise."""
    return UpstreamError(
        error.failure,
        error.message,
        status=error.status,
        code=error.code,
        wait_s=error.wait_s,
        should_retry=error.should_retry,
    )
