"""Scenes for the upstream's tests: every test runs on asyncio's own loop and on uvloop."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import pytest

from gateway.upstream.dial import Dialer
from gateway.upstream.resolve import Resolver
from gateway.upstream.transport import Limits, Transport
from tests.upstream.scenes import (
    DEFAULT_LIMITS,
    TRANSPORTS,
    make_dialer,
)


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Production runs on uvloop, a laptop may not."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


class OpenTransport(Protocol):
    """Opens one of the transports under test, closed at the end of its block."""

    def __call__(
        self,
        *,
        limits: Limits = ...,
        resolver: Resolver | None = ...,
        dialer: Dialer | None = ...,
        ca_file: str | None = ...,
    ) -> AbstractAsyncContextManager[Transport]: ...


@pytest.fixture(params=list(TRANSPORTS))
def open_transport(request: pytest.FixtureRequest) -> OpenTransport:
    """Every test of the suite, once per transport."""

    @asynccontextmanager
    async def opened(
        *,
        limits: Limits = DEFAULT_LIMITS,
        resolver: Resolver | None = None,
        dialer: Dialer | None = None,
        ca_file: str | None = None,
    ) -> AsyncIterator[Transport]:
        dialer = dialer or make_dialer(resolver, ca_file=ca_file)
        transport = TRANSPORTS[request.param](dialer, limits)
        try:
            yield transport
        finally:
            await transport.aclose()
            await dialer.aclose()

    return opened
