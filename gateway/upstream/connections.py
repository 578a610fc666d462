"""Everything of a worker that reaches out: providers, token endpoints, media in messages."""

import ssl
from collections.abc import Sequence

from gateway.config.snapshot import Snapshot
from gateway.errors import ConfigError
from gateway.types.clock import Clock
from gateway.upstream.addresses import AllowRule
from gateway.upstream.dial import Dialer
from gateway.upstream.exchange import GOOGLE_TOKEN_URL, TokenExchange
from gateway.upstream.httpx_transport import HttpxTransport
from gateway.upstream.media import MediaFetcher
from gateway.upstream.resolve import SystemResolver
from gateway.upstream.tls import create_tls_context


class Connections:
    """The ways out of one worker. `allowed` are the exceptions made for users' own endpoints."""

    def __init__(self, snapshot: Snapshot, clock: Clock, allowed: Sequence[AllowRule]) -> None:
        tls = tls_context(snapshot)
        self._dialer = Dialer(SystemResolver(), tls, allowed=tuple(allowed))
        self.transport = HttpxTransport.dialled(self._dialer, clock)
        token_url = snapshot.config.upstream.google_token_url or GOOGLE_TOKEN_URL
        self.tokens = TokenExchange(self.transport, clock, token_url=token_url)
        # Without the exceptions made for users' endpoints: a URL in a message is a stranger's.
        self._media_dialer = Dialer(SystemResolver(), tls)
        self.media = MediaFetcher(self._media_dialer, clock)

    def allow(self, allowed: Sequence[AllowRule]) -> None:
        """Put other exceptions in force, after a reload."""
        self._dialer.allow(tuple(allowed))

    async def aclose(self) -> None:
        """Close every connection."""
        await self.tokens.aclose()
        await self.media.aclose()
        await self.transport.aclose()
        await self._media_dialer.aclose()
        await self._dialer.aclose()


def tls_context(snapshot: Snapshot) -> ssl.SSLContext:
    """Return how providers are verified. Raises ConfigError for a CA file that cannot be used."""
    ca_file = snapshot.config.upstream.ca_file
    try:
        return create_tls_context(ca_file)
    except OSError:
        raise ConfigError(f"{ca_file} is no file of PEM certificates", "upstream.ca_file") from None
