"""What the upstream's tests share: the transports under test, a stub resolver, time limits, requests."""

import time
from collections.abc import Callable, Mapping, Sequence

from gateway.errors import Failure, UpstreamError
from gateway.types.upstream import UpstreamRequest
from gateway.upstream.addresses import AllowRule
from gateway.upstream.dial import Dialer
from gateway.upstream.httpx_transport import HttpxTransport
from gateway.upstream.resolve import Resolver
from gateway.upstream.tls import create_tls_context
from gateway.upstream.transport import Limits, Timeouts, Transport

DEFAULT_LIMITS = Limits()
FOR_LOOPBACK = (AllowRule.parse("127.0.0.1/32:*"),)


class SystemClock:
    """Real time: these tests use real sockets."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


TRANSPORTS: Mapping[str, Callable[[Dialer, Limits], Transport]] = {
    "httpx": lambda dialer, limits: HttpxTransport.dialled(dialer, SystemClock(), limits),
}
"""The transports that pass the suite: one line each."""


class StubResolver:
    """Answers from a table, in turn where an entry has several answers, and counts."""

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self.answers = {name: list(turns) for name, turns in answers.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str, *, trusted: bool) -> Sequence[str]:
        self.asked.append(host)
        turns = self.answers.get(host, [])
        if not turns:
            raise OSError("no such name")
        return turns.pop(0) if len(turns) > 1 else turns[0]

    async def aclose(self) -> None:
        pass


def make_dialer(
    resolver: Resolver | None = None,
    *,
    allowed: Sequence[AllowRule] = FOR_LOOPBACK,
    ca_file: str | None = None,
) -> Dialer:
    """Return a dialer that asks no real name server."""
    return Dialer(resolver or StubResolver({}), create_tls_context(ca_file), allowed=allowed)


def within(
    total_s: float = 5.0,
    *,
    connect_s: float = 5.0,
    first_byte_s: float = 5.0,
    gap_s: float = 5.0,
) -> Timeouts:
    """Return time limits that end `total_s` from now."""
    return Timeouts(connect_s, first_byte_s, gap_s, time.monotonic() + total_s)


def post(url: str, body: bytes = b"{}", *headers: tuple[str, str]) -> UpstreamRequest:
    """Return a request as a provider builds it."""
    return UpstreamRequest("POST", url, (("content-type", "application/json"), *headers), body)


def facts(error: UpstreamError) -> tuple[Failure, BaseException | None, BaseException | None]:
    """Return what every upstream error must show: its kind, and no foreign exception behind it."""
    return error.failure, error.__cause__, error.__context__
