"""Proves a user's provider key with the provider's own probe, and says how it fared.

An endpoint that a user chose must not become a port scanner (C-20): whether its address is refused,
closed, filtered, or no API at all, the text is one and so is the time it takes.
"""

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress

import orjson
from msgspec import Struct

from gateway.config.snapshot import Snapshot
from gateway.errors import (
    Failure,
    GatewayError,
    InvalidRequest,
    PolicyError,
    StoreAway,
    UpstreamError,
    UpstreamFailed,
    UserKeyError,
)
from gateway.identity.account import Account
from gateway.offers.asking import Asker, Inquiry
from gateway.offers.doors import door_of_key, probe_request
from gateway.offers.lists import Models
from gateway.providers.listing import NAMED_BY_CUSTOMER, read_list, whole_list
from gateway.routing.outcome import to_client_error
from gateway.types.upstream import Target, UpstreamRequest

_STEP_MS = 100
_TELLING = frozenset(
    (
        Failure.UNREACHABLE,
        Failure.ENDPOINT_REFUSED,
        Failure.TIMEOUT,
        Failure.BAD_REPLY,
        Failure.CUT,
    )
)
"""What would tell an open port from a closed one."""


class KeyReport(Struct, frozen=True):
    """How a key fared. `error` is None for a key that is taken; only then the others are set.

    `latency_ms` is rounded up to 100. `models` is the provider's own list, `inquiry` what it is the
    list of; None where the probe is no list.
    """

    error: GatewayError | None = None
    latency_ms: int = 0
    models: Models | None = None
    inquiry: Inquiry | None = None


async def check_key(
    asker: Asker,
    account: Account,
    snapshot: Snapshot,
    name: str,
    headers: Sequence[tuple[str, str]] = (),
) -> KeyReport:
    """Probe with one of a user's keys and note its health. Raises NotFound, RecordIntegrity."""
    started = asker.clock.monotonic()
    try:
        inquiry = Inquiry(account, snapshot, door_of_key(name, account.view, snapshot).target)
        probe = probe_request(inquiry.target, snapshot)
    except (PolicyError, UserKeyError, InvalidRequest) as error:  # nothing that could be sent
        return KeyReport(error)
    try:
        models = await _send(asker, inquiry, probe, headers)
    except UpstreamError as error:
        if error.failure is Failure.KEY_REJECTED:
            await _note(asker, account, name, "rejected")
        return KeyReport(await _explain(asker, error, inquiry.target, started))
    await _note(asker, account, name, "ok")
    passed_ms = (asker.clock.monotonic() - started) * 1000
    latency_ms = max(1, math.ceil(passed_ms / _STEP_MS)) * _STEP_MS
    return KeyReport(None, latency_ms, models, inquiry)


async def _send(
    asker: Asker, inquiry: Inquiry, probe: UpstreamRequest, headers: Sequence[tuple[str, str]]
) -> Models | None:
    body = await asker.ask(inquiry, whole_list(probe), headers)
    if not _is_answer(body):
        raise UpstreamError(Failure.BAD_REPLY, "The provider sent an answer that cannot be read.")
    models = () if inquiry.target.type in NAMED_BY_CUSTOMER else read_list(body)
    return models or None


def _is_answer(body: bytes) -> bool:
    """Whether a 2xx body is an API's: JSON, and no error in disguise."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(answer, list) or (isinstance(answer, dict) and not answer.get("error"))


async def _explain(
    asker: Asker, error: UpstreamError, target: Target, started: float
) -> GatewayError:
    """Return what the user is told; of an endpoint of theirs nothing that would map a network."""
    if target.trusted or error.failure not in _TELLING:
        return to_client_error(error, target)
    await asyncio.sleep(asker.limit_s - (asker.clock.monotonic() - started))
    return UpstreamFailed(
        f"The endpoint of '{target.provider}' could not be reached, or did not answer like an "
        "OpenAI-compatible API. It must resolve to public addresses only, have a valid TLS "
        "certificate for its name, and serve GET …/models."
    )


async def _note(asker: Asker, account: Account, name: str, health: str) -> None:
    with suppress(StoreAway):
        await asker.provider_keys.note_use(account.record.id, name, health, always=True)
