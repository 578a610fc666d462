"""Model requests come in: one look at the store for authentication and limits together."""

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from gateway.accounting.limits.counters import USER
from gateway.accounting.limits.gate import Admission, Gate, Wanted, release
from gateway.accounting.limits.reserve import Reservation
from gateway.admission import (
    LEASE_GRACE_S,
    Entrance,
    limits_of,
    reserve_chat,
    reserve_embeddings,
    want,
)
from gateway.catalogue.lookup import Catalogue
from gateway.config.parse import parse
from gateway.config.schema_limits import Limits
from gateway.config.secrets import Secrets
from gateway.config.snapshot import Snapshot, compile_config
from gateway.errors import (
    AuthenticationFailed,
    BudgetSpent,
    ExceedsLimit,
    InvalidRequest,
    RateLimited,
    StoreAway,
)
from gateway.identity.accounts import Caller
from gateway.identity.changes import LimitChange, NewUser, UserChange
from gateway.identity.minting import TokenRequest
from gateway.routing.plan import RoutePlan
from gateway.store.client import RedisStore
from gateway.types.account import DEFAULT_ALLOWS, Need, TokenBound, TokenInfo
from gateway.types.chat import ChatRequest, Message, Role
from gateway.types.limits import NO_LIMITS, LimitSet
from gateway.types.models import UNKNOWN_PRICE, ModelInfo, ModelPrice, Price, PriceState
from gateway.types.upstream import KeySource, Target
from tests.accounting.limits.scene import is_free
from tests.identity.scene import ManualClock, Scene, bearer, make_scene


class Door(Struct, frozen=True):
    """A worker's entrance, and a user with a token who comes to it."""

    scene: Scene
    gate: Gate
    entrance: Entrance
    user_id: str
    token: str
    token_id: str
    snapshot: Snapshot

    def plan(self, request_id: str, cost: int = 1_000) -> Any:
        """What the pipeline does between: plan for the caller, and say what is wanted."""

        def prepare(caller: Caller) -> tuple[str, Wanted]:
            reserved = Reservation(100, cost)
            asked = want(
                caller, self.snapshot, request_id=request_id, feature="notes", reserved=reserved
            )
            return f"planned at {caller.account.epoch}", asked

        return prepare

    async def come(self, request_id: str = "r1", cost: int = 1_000) -> Admission:
        """Come in with a request."""
        caller = await self.entrance.recognize(bearer(self.token))
        entered, planned = await self.entrance.admit(caller, self.plan(request_id, cost))
        assert planned == f"planned at {entered.caller.account.epoch}"
        return entered.admission

    async def limit(self, limits: LimitSet) -> None:
        """Give the user other limits, as an admin does in another worker."""
        await make_scene(self.scene.store, self.scene.clock).users.change(
            self.user_id, LimitChange(limits)
        )


async def open_door(
    store: RedisStore, config: dict[str, Any] | None = None, **request: Any
) -> Door:
    scene = make_scene(store, ManualClock())
    user = await scene.users.create(NewUser())
    minted = await scene.tokens.mint(user.id, TokenRequest("app", **request), created_by="admin")
    gate = Gate(scene.store, scene.clock, ())
    return Door(
        scene,
        gate,
        Entrance(scene.accounts, gate),
        user.id,
        minted.token.reveal(),
        minted.info.id,
        snapshot_of(config or {}),
    )


def snapshot_of(limits: dict[str, Any]) -> Snapshot:
    return compile_config(parse({"limits": limits}), Secrets(), Catalogue.load())


async def test_a_known_token_costs_one_look_at_the_store(store: RedisStore) -> None:
    door = await open_door(store, {"user": {"requests_per_minute": 99, "concurrent": 99}})
    await door.come("r1")
    door.scene.store.asked.clear()
    await door.come("r2")
    assert door.scene.store.asked == ["admit"]


async def test_an_unknown_token_is_authenticated_first(store: RedisStore) -> None:
    door = await open_door(store)
    door.scene.store.asked.clear()
    await door.come()
    assert door.scene.store.asked[-1] == "admit"
    assert "GET" in door.scene.store.asked
    with pytest.raises(AuthenticationFailed):
        await door.entrance.recognize(bearer("gw_u_nobody"))


async def test_a_revoked_token_does_not_come_in_and_holds_nothing(store: RedisStore) -> None:
    door = await open_door(store, {"user": {"concurrent": 9}})
    await release(store, door.user_id, "r1", (await door.come()).tally)
    await make_scene(store, door.scene.clock).tokens.revoke(door.user_id, door.token_id)
    with pytest.raises(AuthenticationFailed):
        await door.come("r2")
    assert await is_free(store, door.user_id)


async def test_new_limits_hold_from_the_next_request(store: RedisStore) -> None:
    door = await open_door(store)
    await door.come("r1")
    await door.limit(LimitSet(concurrent=1))
    await door.come("r2")
    with pytest.raises(RateLimited):
        await door.come("r3")
    await door.limit(NO_LIMITS)
    await door.come("r3")


async def test_a_limit_that_was_raised_elsewhere_refuses_nobody_from_memory(
    store: RedisStore,
) -> None:
    door = await open_door(store)
    await door.limit(LimitSet(tokens_per_minute=50))
    with pytest.raises(ExceedsLimit):
        await door.come("r1")
    await door.limit(LimitSet(tokens_per_minute=500))
    await door.come("r2")


async def test_what_is_wrong_with_a_request_is_not_told_to_a_revoked_token(
    store: RedisStore,
) -> None:
    door = await open_door(store)
    await door.come("r1")
    caller = await door.entrance.recognize(bearer(door.token))

    def prepare(_caller: Caller) -> tuple[None, Wanted]:
        raise InvalidRequest("no such model")

    with pytest.raises(InvalidRequest):
        await door.entrance.admit(caller, prepare)
    await make_scene(store, door.scene.clock).tokens.revoke(door.user_id, door.token_id)
    with pytest.raises(AuthenticationFailed):
        await door.entrance.admit(caller, prepare)


async def test_a_user_who_was_disabled_does_not_come_in(store: RedisStore) -> None:
    door = await open_door(store)
    await door.come("r1")
    await make_scene(store, door.scene.clock).users.change(door.user_id, UserChange(disabled=True))
    with pytest.raises(AuthenticationFailed):
        await door.come("r2")


async def test_a_token_that_ends_while_it_comes_in_leaves_nothing_behind(
    store: RedisStore,
) -> None:
    door = await open_door(store, {"user": {"concurrent": 9, "requests_per_minute": 9}}, ttl=60)
    caller = await door.entrance.recognize(bearer(door.token))
    door.scene.clock.pass_s(61)
    with pytest.raises(AuthenticationFailed):
        await door.entrance.admit(caller, door.plan("r1"))
    assert await is_free(store, door.user_id)


async def test_while_the_store_is_away_known_users_are_counted_here_for_a_while_then_nobody(
    store: RedisStore,
) -> None:
    door = await open_door(store, {"user": {"concurrent": 3}})
    first = await door.come("r1")
    door.scene.store.away = True
    door.scene.clock.pass_s(30)
    assert (await door.come("r2")).is_local
    await door.come("r3")
    with pytest.raises(RateLimited):
        await door.come("r4")
    door.gate.end(first)
    await door.come("r4")
    door.scene.clock.pass_s(31)
    with pytest.raises(StoreAway):
        await door.come("r5")
    door.scene.store.away = False
    await release(store, door.user_id, "r1", first.tally)
    assert not (await door.come("r6")).is_local


@pytest.mark.parametrize(("policy", "comes_in"), [("allow", True), ("refuse", False)])
async def test_the_operator_decides_what_holds_while_the_store_is_away(
    store: RedisStore, policy: str, comes_in: bool
) -> None:
    door = await open_door(store, {"when_store_is_away": policy, "user": {"concurrent": 1}})
    await door.come("r1")
    door.scene.store.away = True
    if not comes_in:
        with pytest.raises(StoreAway):
            await door.come("r2")
        return
    assert (await door.come("r2")).is_local
    door.scene.clock.pass_s(61)
    with pytest.raises(StoreAway):
        await door.come("r3")


async def test_many_at_once_with_an_account_that_keeps_changing(store: RedisStore) -> None:
    door = await open_door(store)
    await door.come("r0")

    async def change() -> None:
        for number in range(5):
            await door.limit(LimitSet(concurrent=100 + number))

    ends = await asyncio.gather(change(), *(door.come(f"r{n}") for n in range(1, 40)))
    assert all(isinstance(end, Admission) for end in ends[1:])


async def test_tokens_made_with_a_limited_one_share_its_limit(store: RedisStore) -> None:
    door = await open_door(
        store,
        allows=(Need.CHAT, Need.ACCOUNT),
        limits=LimitSet(cost_per_day_usd=Decimal("0.00001")),
    )
    parent = (await door.scene.accounts.authenticate(bearer(door.token))).token
    await door.come("r1", cost=6_000)
    child = await door.scene.tokens.mint(door.user_id, TokenRequest("child"), minter=parent)
    entering = msgspec.structs.replace(door, token=child.token.reveal())
    with pytest.raises(BudgetSpent):
        await entering.come("r2", cost=6_000)
    await entering.come("r3", cost=4_000)


def token(created_by: str = "user", **more: Any) -> TokenInfo:
    return TokenInfo("tk", "n", "abcd", 0, DEFAULT_ALLOWS, created_by, **more)


async def test_whose_limits_hold(store: RedisStore) -> None:
    scene = make_scene(store)
    user = await scene.users.create(NewUser())
    await scene.users.change(user.id, LimitChange(LimitSet(concurrent=9)))
    account = await scene.accounts.load(user.id)
    config = Limits(
        user=LimitSet(requests_per_minute=5, concurrent=2),
        token=LimitSet(requests_per_minute=4),
        features={"notes": LimitSet(concurrent=1)},
    )

    def subjects(held: TokenInfo, feature: str | None = None) -> dict[str, LimitSet]:
        return dict(limits_of(Caller(user.id, held, account), config, feature))

    own = LimitSet(requests_per_minute=5, concurrent=9)
    assert subjects(token()) == {USER: own, "token:tk": LimitSet(requests_per_minute=4)}
    more = LimitSet(requests_per_minute=100, concurrent=3)
    both = LimitSet(requests_per_minute=4, concurrent=3)
    assert subjects(token(limits=more))["token:tk"] == both
    assert subjects(token("admin", limits=more))["token:tk"] == more
    bound = TokenBound("p", LimitSet(concurrent=7))
    assert subjects(token(within=(bound,)))["token:p"] == bound.limits
    assert subjects(token(), "notes")["feature:notes"] == LimitSet(concurrent=1)
    assert set(subjects(token(), "undeclared")) == {USER, "token:tk"}


async def test_a_hold_lasts_longer_than_its_request(store: RedisStore) -> None:
    scene = make_scene(store)
    user = await scene.users.create(NewUser())
    caller = Caller(user.id, token(), await scene.accounts.load(user.id))
    snapshot = snapshot_of({"timezone": "Europe/Berlin"})
    asked = want(caller, snapshot, request_id="r", feature=None, reserved=Reservation(1, 1))
    assert asked.lease_s == snapshot.config.timeouts.total_s + LEASE_GRACE_S
    assert str(asked.zone) == "Europe/Berlin"


def test_a_reservation_is_for_the_dearest_target_with_context_and_all_choices() -> None:
    chat = ChatRequest("m", (Message(Role.USER, "hello"),), max_tokens=10, extra={"n": 3})
    price = ModelPrice(PriceState.PRICED, Price(1_000_000_000, 2_000_000_000))
    known = Target(
        provider="p",
        type="openai",
        model="known",
        base_url="https://p.example",
        key_source=KeySource.OWN,
        key_name="p",
        audience="p",
        settings={},
        info=ModelInfo("p", "known", price=price),
    )
    targets = (known, msgspec.structs.replace(known, info=ModelInfo("p", "x", price=UNKNOWN_PRICE)))
    found = reserve_chat(
        chat, RoutePlan(targets), Limits(), body_bytes=350, context_budget=500, received=0.0
    )
    assert found == Reservation(630, 600 * 1_000 + 30 * 2_000)
    embedded = reserve_embeddings(RoutePlan(targets), body_bytes=700, received=0.0)
    assert embedded == Reservation(200, 200 * 1_000)
