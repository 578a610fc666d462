"""What a new token may be."""

from decimal import Decimal

import msgspec
import pytest

from gateway.errors import InvalidRequest, NotAllowed
from gateway.identity.minting import TokenRequest, decide_grant
from gateway.types.account import DEFAULT_ALLOWS, Need, Scope, TokenBound, TokenInfo
from gateway.types.limits import LimitSet

NOW = 1_790_000_000


def minter(
    *allows: Need,
    scope: Scope | None = None,
    models: tuple[str, ...] | None = None,
    expires: int | None = None,
) -> TokenInfo:
    return TokenInfo(
        id="t_1",
        name="mine",
        last4="abcd",
        created=NOW,
        allows=allows or (Need.CHAT, Need.CONTEXT_WRITE, Need.ACCOUNT),
        expires=expires,
        scope_ceiling=scope,
        models=models,
    )


def test_a_new_token_may_chat_and_write_context_and_does_not_end() -> None:
    grant = decide_grant(TokenRequest("app"), minter(), NOW)

    assert grant.allows == DEFAULT_ALLOWS == (Need.CHAT, Need.CONTEXT_WRITE)
    assert (grant.expires, grant.scope_ceiling, grant.models) == (None, None, None)


def test_what_is_left_out_is_what_the_minting_token_has() -> None:
    narrow = minter(Need.CHAT, Need.ACCOUNT, scope=Scope.MINIMAL, models=("m1",), expires=NOW + 100)

    grant = decide_grant(TokenRequest("app"), narrow, NOW)

    assert grant.allows == (Need.CHAT,)
    assert grant.scope_ceiling is Scope.MINIMAL
    assert grant.models == ("m1",)
    assert grant.expires == NOW + 100


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (TokenRequest("x", allows=(Need.CHAT, Need.CONTEXT_READ)), "allows"),
        (TokenRequest("x", scope_ceiling=Scope.STANDARD), "scope_ceiling"),
        (TokenRequest("x", models=("m1", "m2")), "models"),
        (TokenRequest("x", ttl=101), "expires"),
        (TokenRequest("x", expires=NOW + 101), "expires"),
    ],
)
def test_a19_no_token_makes_a_wider_one(request_: TokenRequest, param: str) -> None:
    narrow = minter(scope=Scope.MINIMAL, models=("m1",), expires=NOW + 100)

    with pytest.raises(NotAllowed) as caught:
        decide_grant(request_, narrow, NOW)

    assert caught.value.param == param


def test_a_narrower_token_may_be_made() -> None:
    wide = minter(scope=Scope.STANDARD, models=("m1", "m2"), expires=NOW + 100)
    request = TokenRequest(
        "x", ttl=50, allows=(Need.CHAT,), scope_ceiling=Scope.MINIMAL, models=("m2", "m2")
    )

    grant = decide_grant(request, wide, NOW)

    assert grant.allows == (Need.CHAT,)
    assert grant.scope_ceiling is Scope.MINIMAL
    assert grant.models == ("m2",)
    assert grant.expires == NOW + 50


def test_an_admin_may_give_everything_a_user_can_have() -> None:
    everything = (Need.CHAT, Need.CONTEXT_WRITE, Need.CONTEXT_READ, Need.ACCOUNT)

    assert decide_grant(TokenRequest("x", allows=everything), None, NOW).allows == everything


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (TokenRequest(""), "name"),
        (TokenRequest("n" * 101), "name"),
        (TokenRequest("x", ttl=0), "ttl"),
        (TokenRequest("x", ttl=-5), "ttl"),
        (TokenRequest("x", ttl=10**12), "ttl"),
        (TokenRequest("x", expires=NOW), "expires"),
        (TokenRequest("x", ttl=5, expires=NOW + 5), "expires"),
        (TokenRequest("x", allows=()), "allows"),
        (TokenRequest("x", allows=(Need.ADMIN,)), "allows"),
        (TokenRequest("x", allows=(Need.METRICS,)), "allows"),
        (TokenRequest("x", allows=(Need.OPEN,)), "allows"),
        (TokenRequest("x", models=()), "models"),
        (TokenRequest("x", models=("",)), "models[0]"),
        (TokenRequest("x", models=("m",) * 201), "models"),
    ],
)
def test_what_no_token_can_be_is_a_bad_request(request_: TokenRequest, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decide_grant(request_, None, NOW)

    assert caught.value.param == param


LIMITED = LimitSet(requests_per_minute=10, cost_per_day_usd=Decimal("0.5"))


def limited_minter(within: tuple[TokenBound, ...] = ()) -> TokenInfo:
    return msgspec.structs.replace(minter(), limits=LIMITED, within=within)


def test_a_token_of_a_limited_one_has_its_limits_and_counts_on_them() -> None:
    grant = decide_grant(TokenRequest("x"), limited_minter(), NOW)

    assert grant.limits == LIMITED
    assert grant.within == (TokenBound("t_1", LIMITED),)


def test_a_limit_may_be_lowered_and_others_added() -> None:
    wanted = LimitSet(requests_per_minute=3, concurrent=1)

    grant = decide_grant(TokenRequest("x", limits=wanted), limited_minter(), NOW)

    assert grant.limits == LimitSet(3, None, 1, Decimal("0.5"))


@pytest.mark.parametrize(
    ("limits", "param"),
    [
        (LimitSet(requests_per_minute=11), "limits.requests_per_minute"),
        (LimitSet(cost_per_day_usd=Decimal("0.51")), "limits.cost_per_day_usd"),
    ],
)
def test_no_token_makes_one_with_a_higher_limit(limits: LimitSet, param: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        decide_grant(TokenRequest("x", limits=limits), limited_minter(), NOW)

    assert caught.value.param == param
    assert decide_grant(TokenRequest("x", limits=limits), minter(), NOW).within == ()


def test_what_binds_a_token_is_handed_on_and_does_not_grow_for_ever() -> None:
    bound = TokenBound("t_0", LimitSet(concurrent=9))
    free = msgspec.structs.replace(minter(), within=(bound,))

    assert decide_grant(TokenRequest("x"), free, NOW).within == (bound,)
    with pytest.raises(NotAllowed):
        decide_grant(TokenRequest("x"), limited_minter((bound,) * 8), NOW)


@pytest.mark.parametrize("dollars", ["-0.01", "NaN", "Infinity", "1000001"])
def test_dollars_that_are_none_are_refused(dollars: str) -> None:
    limits = LimitSet(cost_per_month_usd=Decimal(dollars))
    with pytest.raises(InvalidRequest) as caught:
        decide_grant(TokenRequest("x", limits=limits), None, NOW)

    assert caught.value.param == "limits.cost_per_month_usd"
