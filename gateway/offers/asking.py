"""Asks a provider something on a user's behalf that is no model call: a probe, a list of models."""

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from gateway.attempt import send_whole
from gateway.config.snapshot import Snapshot
from gateway.errors import Failure, UpstreamError
from gateway.identity.account import Account
from gateway.identity.provider_keys import ProviderKeys
from gateway.pursuit import exchange_key, exchanged, open_credential
from gateway.types.clock import Clock
from gateway.types.upstream import Target, UpstreamRequest
from gateway.upstream.exchange import TokenExchange
from gateway.upstream.transport import Timeouts, Transport

LIMIT_S = 5.0
"""How long a provider may take to answer, connecting included."""
_MOST_BYTES = 8 * 1024 * 1024  # OpenRouter's list, the longest there is, has about 1 MB


class Inquiry(Struct, frozen=True):
    """Who asks whom: a user at one epoch, one configuration, and the target that is asked."""

    account: Account
    snapshot: Snapshot
    target: Target


class Asker(Struct, frozen=True):
    """Opens the key, sends one request, and returns what came back within `limit_s`."""

    provider_keys: ProviderKeys
    transport: Transport
    tokens: TokenExchange
    clock: Clock
    limit_s: float = LIMIT_S

    async def ask(
        self,
        inquiry: Inquiry,
        request: UpstreamRequest,
        headers: Sequence[tuple[str, str]] = (),
    ) -> bytes:
        """Return the body of a 2xx answer. Raises UpstreamError and RecordIntegrity."""
        account, target = inquiry.account, inquiry.target
        credential = open_credential(self.provider_keys, account, inquiry.snapshot, target)
        limit_s = self.limit_s
        deadline = self.clock.monotonic() + limit_s
        try:
            async with asyncio.timeout(limit_s):
                credential = await exchanged(self.tokens, account, target, credential, deadline)
                return await send_whole(
                    transport=self.transport,
                    clock=self.clock,
                    request=request,
                    target=target,
                    credential=credential,
                    timeouts=Timeouts(limit_s, limit_s, limit_s, deadline),
                    headers=headers,
                    max_bytes=_MOST_BYTES,
                )
        except UpstreamError as error:
            if error.failure is Failure.KEY_REJECTED:
                self.tokens.forget(exchange_key(account, target))
            raise
        except TimeoutError:
            pass
        raise UpstreamError(Failure.TIMEOUT, "The provider did not answer in time.")
