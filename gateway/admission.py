"""Lets a model request in: authentication and limits at one look at the store.

    recall the caller from memory ──► plan ──► admit: the epoch and the limits in one script
        │ unknown token                            │ another epoch: read the account, plan again
        ▼                                          ▼
    authenticate first                         confirm: the account in memory is the store's

Nothing is told to a caller whom memory alone vouches for: whatever goes wrong before the admission,
the store is asked first whether the token still stands.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from msgspec import Struct

from gateway.accounting.limits.counters import USER, Standing, feature_subject, token_subject
from gateway.accounting.limits.gate import Admission, Gate, Stale, Wanted
from gateway.accounting.limits.reserve import Reservation, prompt_tokens, reserve
from gateway.config.schema_limits import Limits
from gateway.config.snapshot import Snapshot
from gateway.errors import BudgetSpent, GatewayError, Overloaded, RateLimited, StoreAway
from gateway.identity.accounts import Accounts, Caller
from gateway.routing.plan import RoutePlan
from gateway.types.account import TokenInfo
from gateway.types.chat import ChatRequest
from gateway.types.limits import NO_LIMITS, LimitSet, merge_limits, strictest_limits
from gateway.types.usage import estimate_tokens

T = TypeVar("T")

LEASE_GRACE_S: Final = 120.0
"""How much longer a hold lasts than its request may: for draining, and for booking its rows."""

_MOST_PLANS: Final = 4


class Entered(Struct, frozen=True):
    """A request that was let in, and the caller as the store confirmed them."""

    caller: Caller
    admission: Admission


class Entrance:
    """Where model requests come in. One per worker."""

    def __init__(self, accounts: Accounts, gate: Gate) -> None:
        self._accounts = accounts
        self._gate = gate

    async def recognize(self, authorization: str | None) -> Caller:
        """Return whose token this is, from memory where it is known: not to be relied on before `admit`.

        Raises AuthenticationFailed, StoreAway, RecordIntegrity.
        """
        return self._accounts.recall(authorization) or await self._accounts.authenticate(
            authorization
        )

    async def admit(
        self, caller: Caller, prepare: Callable[[Caller], tuple[T, Wanted]]
    ) -> tuple[Entered, T]:
        """Plan a request and let it in.

        `prepare` plans for a caller, without I/O, and says what the request wants; it is called
        again where the account has changed meanwhile. From here on somebody must see to it that the
        admission ends. Raises AuthenticationFailed, what `prepare` raises, ExceedsLimit,
        RateLimited, BudgetSpent, StoreAway, RecordIntegrity.
        """
        for _ in range(_MOST_PLANS):
            try:
                planned, wanted = prepare(caller)
                found = await self._ask(caller, wanted)
            except (RateLimited, BudgetSpent):  # the store has spoken, of this very epoch
                raise
            except GatewayError:
                current = await self.verify(caller)
                if current is None:
                    raise
                caller = current
                continue
            if isinstance(found, Stale):
                caller = await self._accounts.confirm(caller, found.epoch)
                continue
            return Entered(await self._confirm(caller, found), found), planned
        raise Overloaded("The account is being changed by others; try again.", retry_after_s=1.0)

    async def verify(self, caller: Caller) -> Caller | None:
        """Ask the store whether a caller still stands, before they are told of a fault.

        Returns the caller as of now if the account has changed, None if it has not or the store is
        away and memory may vouch. Raises AuthenticationFailed, StoreAway, RecordIntegrity.
        """
        try:
            epoch = await self._accounts.admit(caller.user_id)
            current = await self._accounts.confirm(caller, epoch)
        except StoreAway:
            self._accounts.trust(caller)
            return None
        return None if current.account is caller.account else current

    async def look(self, wanted: Wanted) -> tuple[Standing, ...]:
        """Return how the counters stand that a request would be let in by. Raises StoreAway."""
        return await self._gate.look(wanted)

    def end(self, admission: Admission) -> None:
        """Note that a request has ended; what it holds in the store is released behind its rows."""
        self._gate.end(admission)

    async def _ask(self, caller: Caller, wanted: Wanted) -> Admission | Stale:
        try:
            return await self._gate.admit(wanted)
        except StoreAway:
            self._accounts.trust(caller)
            return self._gate.admit_away(wanted)

    async def _confirm(self, caller: Caller, admission: Admission) -> Caller:
        """Note that memory agrees with the store; a token may have ended in between."""
        if admission.is_local:
            return caller
        try:
            return await self._accounts.confirm(caller, admission.wanted.epoch)
        except BaseException:
            await self._gate.undo(admission)
            raise


def want(
    caller: Caller,
    snapshot: Snapshot,
    *,
    request_id: str,
    feature: str | None,
    reserved: Reservation,
) -> Wanted:
    """Gather whose limits hold for a request, and what it asks for."""
    limits = snapshot.config.limits
    return Wanted(
        request_id=request_id,
        user_id=caller.user_id,
        epoch=caller.account.epoch,
        limits=limits_of(caller, limits, feature),
        everyone=limits.everyone,
        reserved=reserved,
        zone=snapshot.zone,
        lease_s=snapshot.config.timeouts.total_s + LEASE_GRACE_S,
        when_away=limits.when_store_is_away,
    )


def limits_of(caller: Caller, limits: Limits, feature: str | None) -> Mapping[str, LimitSet]:
    """Return the limits of a request's subjects: user, token and those it comes from, feature."""
    token = caller.token
    subjects = {
        USER: merge_limits(caller.account.record.limits, limits.user),
        token_subject(token.id): _limits_of_token(token, limits.token),
    }
    for bound in token.within:
        subjects[token_subject(bound.id)] = bound.limits
    if feature is not None and feature in limits.features:
        subjects[feature_subject(feature)] = limits.features[feature]
    return {name: each for name, each in subjects.items() if name == USER or each != NO_LIMITS}


def _limits_of_token(token: TokenInfo, default: LimitSet) -> LimitSet:
    """Return what holds for a token: users cannot free theirs from the operator's default."""
    combine = strictest_limits if token.created_by == "user" else merge_limits
    return combine(token.limits, default)


def reserve_chat(
    chat: ChatRequest,
    plan: RoutePlan,
    limits: Limits,
    *,
    body_bytes: int,
    context_budget: int,
    received: float,
) -> Reservation:
    """Reckon what a chat request may use. `context_budget` is its scope's budget in tokens."""
    return reserve(
        (target.info for target in plan.targets),
        prompt=prompt_tokens(chat, body_bytes) + context_budget,
        max_tokens=chat.max_tokens,
        reserve_output=limits.reserve_output,
        at=received,
        choices=chat.extra.get("n", 1),
    )


def reserve_embeddings(plan: RoutePlan, *, body_bytes: int, received: float) -> Reservation:
    """Reckon what an embeddings request may use."""
    return reserve(
        (target.info for target in plan.targets),
        prompt=estimate_tokens(body_bytes),
        max_tokens=None,
        reserve_output=0,
        at=received,
    )
