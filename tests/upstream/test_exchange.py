"""The token exchange, over real sockets, against an endpoint that verifies what it is sent."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.errors import Failure, UpstreamError
from gateway.types.secret import Secret
from gateway.upstream.exchange import ExchangeKey, TokenExchange, needs_exchange
from gateway.upstream.httpx_transport import HttpxTransport
from tests.canary import Canaries
from tests.fakes.raw_scenes import answering, play, reading, reply
from tests.fakes.raw_upstream import Peer, RawUpstream, serve_raw
from tests.upstream.scenes import facts, make_dialer
from tests.upstream.token_endpoint import (
    EMAIL,
    Robot,
    grant_of,
    granting,
    is_signed_by,
    jwt_parts,
    refusing,
    selling,
)

KEY = ExchangeKey("u_1", "vertex", 7)


class ManualClock:
    """Time that only the test moves; `now` and `monotonic` go together."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> float:
        return 1_800_000_000.0 + self.passed

    def monotonic(self) -> float:
        return 1_000.0 + self.passed


@pytest.fixture(scope="module")
def robot() -> Robot:
    return Robot()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@asynccontextmanager
async def exchanging(
    upstream: RawUpstream, clock: ManualClock, **options: Any
) -> AsyncIterator[TokenExchange]:
    dialer = make_dialer()
    transport = HttpxTransport.dialled(dialer, clock)
    options = {"token_url": f"{upstream.url}/token", **options}
    exchange = TokenExchange(transport, clock, **options)
    try:
        yield exchange
    finally:
        await exchange.aclose()
        await transport.aclose()
        await dialer.aclose()


async def test_a_service_account_is_traded_for_a_token(robot: Robot, clock: ManualClock) -> None:
    async with (
        serve_raw(selling(robot, now=clock.now)) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        token = await exchange.access_token(KEY, robot.file())
    assert token.reveal() == "token-1"
    (request,) = upstream.requests
    assert (request.method, request.target) == ("POST", "/token")
    assert request.header("content-type") == "application/x-www-form-urlencoded"
    assert {name for name, _ in request.headers} == {
        "host", "content-type", "accept", "accept-encoding", "content-length",
    }  # fmt: skip
    form = grant_of(request)
    assert set(form) == {"grant_type", "assertion"}
    header, claims = jwt_parts(form["assertion"][0])
    assert header == {
        "alg": "RS256",
        "typ": "JWT",
        "kid": "0123456789abcdef0123456789abcdef01234567",
    }
    assert claims == {
        "iss": EMAIL,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": f"{upstream.url}/token",
        "iat": 1_800_000_000,
        "exp": 1_800_003_600,
    }
    assert is_signed_by(robot, form["assertion"][0])
    assert not is_signed_by(Robot(), form["assertion"][0])


async def test_the_files_own_token_uri_is_never_asked(robot: Robot, clock: ManualClock) -> None:
    async with (
        serve_raw(answering(granting({"access_token": "stolen", "expires_in": 1}))) as evil,
        serve_raw(selling(robot, now=clock.now)) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        token = await exchange.access_token(KEY, robot.file(token_uri=f"{evil.url}/token"))
    assert token.reveal() == "token-1"
    assert evil.opened == 0


def test_tokens_come_from_google_unless_the_operator_says_otherwise(clock: ManualClock) -> None:
    transport = HttpxTransport.dialled(make_dialer(), clock)
    exchange = TokenExchange(transport, clock)
    assert exchange._token_url == "https://oauth2.googleapis.com/token"


async def test_a_token_is_held_until_a_minute_before_it_expires(
    robot: Robot, clock: ManualClock
) -> None:
    async with (
        serve_raw(selling(robot, now=clock.now, expires_in=3599)) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        got = []
        for at in (0.0, 1_000.0, 3_538.9, 3_539.0, 7_000.0):
            clock.passed = at
            got.append((await exchange.access_token(KEY, robot.file())).reveal())
    assert got == ["token-1", "token-1", "token-1", "token-2", "token-2"]
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("life", [60, 1, 0, -5, "30"])
async def test_a_token_that_is_almost_over_serves_once(
    robot: Robot, clock: ManualClock, life: Any
) -> None:
    async with (
        serve_raw(selling(robot, now=clock.now, expires_in=life)) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        assert (await exchange.access_token(KEY, robot.file())).reveal() == "token-1"
        assert (await exchange.access_token(KEY, robot.file())).reveal() == "token-2"


async def test_callers_at_the_same_moment_share_one_exchange(
    robot: Robot, clock: ManualClock
) -> None:
    async with (
        serve_raw(selling(robot, now=clock.now)) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        tokens = await asyncio.gather(
            *(exchange.access_token(KEY, robot.file()) for _ in range(30))
        )
    assert {token.reveal() for token in tokens} == {"token-1"}
    assert len(upstream.requests) == 1


@asynccontextmanager
async def holding_back() -> AsyncIterator[tuple[RawUpstream, asyncio.Event]]:
    """An endpoint that answers when the event is set."""
    go = asyncio.Event()

    async def scene(peer: Peer) -> None:
        while True:
            await peer.read_request()
            await go.wait()
            number = len(peer.upstream.requests)
            peer.send(granting({"access_token": f"token-{number}", "expires_in": 3599}))

    async with serve_raw(scene) as upstream:
        yield upstream, go


@pytest.mark.parametrize("leaver", [0, 1])
async def test_a_caller_that_is_cancelled_ends_nothing_for_the_others(
    robot: Robot, clock: ManualClock, leaver: int
) -> None:
    async with holding_back() as (upstream, go), exchanging(upstream, clock) as exchange:
        callers = [asyncio.create_task(exchange.access_token(KEY, robot.file())) for _ in range(3)]
        await upstream.until(lambda: len(upstream.requests) == 1)
        leaving = callers.pop(leaver)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        go.set()
        assert [(await each).reveal() for each in callers] == ["token-1", "token-1"]
    assert (upstream.opened, len(upstream.requests)) == (1, 1)


async def test_an_exchange_that_everybody_left_serves_whoever_comes_next(
    robot: Robot, clock: ManualClock
) -> None:
    async with holding_back() as (upstream, go), exchanging(upstream, clock) as exchange:
        leaving = asyncio.create_task(exchange.access_token(KEY, robot.file()))
        await upstream.until(lambda: len(upstream.requests) == 1)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        go.set()
        assert (await exchange.access_token(KEY, robot.file())).reveal() == "token-1"
    assert len(upstream.requests) == 1


async def test_a_callers_deadline_is_its_own(robot: Robot, clock: ManualClock) -> None:
    async with holding_back() as (upstream, go), exchanging(upstream, clock) as exchange:
        patient = asyncio.create_task(exchange.access_token(KEY, robot.file()))
        soon = clock.monotonic() + 0.05
        with pytest.raises(UpstreamError) as caught:
            await exchange.access_token(KEY, robot.file(), deadline=soon)
        with pytest.raises(UpstreamError):  # a deadline that has passed
            await exchange.access_token(KEY, robot.file(), deadline=clock.monotonic() - 1)
        go.set()
        assert (await patient).reveal() == "token-1"
        past = clock.monotonic() - 1
        assert (await exchange.access_token(KEY, robot.file(), deadline=past)).reveal() == "token-1"
    assert caught.value.failure is Failure.TIMEOUT
    assert len(upstream.requests) == 1


async def test_users_records_and_epochs_have_tokens_of_their_own(
    robot: Robot, clock: ManualClock
) -> None:
    async with (
        serve_raw(selling(robot, now=clock.now)) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        keys = [
            KEY,
            ExchangeKey("u_2", "vertex", 7),
            ExchangeKey("u_1", "vertex-eu", 7),
            KEY,
            ExchangeKey("u_1", "vertex", 8),
            ExchangeKey("u_1", "vertex", 8),
            ExchangeKey("u_2", "vertex", 7),
            KEY,  # dropped by epoch 8
        ]
        got = [(await exchange.access_token(key, robot.file())).reveal() for key in keys]
    numbers = [int(token.removeprefix("token-")) for token in got]
    assert numbers == [1, 2, 3, 1, 4, 4, 2, 5]


async def test_another_account_under_the_same_key_gets_a_token_of_its_own(
    robot: Robot, clock: ManualClock
) -> None:
    """The operator's key has no epoch: a reload may bring another file."""
    other = Robot("other@some-project.iam.gserviceaccount.com")
    async with (
        serve_raw(selling(robot, other, now=clock.now)) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        await exchange.access_token(KEY, robot.file())
        await exchange.access_token(KEY, other.file())
    issuers = [jwt_parts(grant_of(each)["assertion"][0])[1]["iss"] for each in upstream.requests]
    assert issuers == [robot.email, other.email]


async def test_the_token_used_longest_ago_makes_room(robot: Robot, clock: ManualClock) -> None:
    one, two, three = (ExchangeKey(user, "vertex", 1) for user in ("a", "b", "c"))
    async with (
        serve_raw(selling(robot, now=clock.now)) as upstream,
        exchanging(upstream, clock, most_held=2) as exchange,
    ):
        got = [
            (await exchange.access_token(key, robot.file())).reveal()
            for key in (one, two, one, three, one, two)
        ]
        assert len(exchange._slots) == 2
    assert got == ["token-1", "token-2", "token-1", "token-3", "token-1", "token-4"]


async def test_spent_tokens_do_not_stay_in_memory(robot: Robot, clock: ManualClock) -> None:
    async with (
        serve_raw(selling(robot, now=clock.now)) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        for user in ("a", "b", "c"):
            await exchange.access_token(ExchangeKey(user, "vertex", 1), robot.file())
        clock.passed = 4_000.0
        await exchange.access_token(KEY, robot.file())
        assert len(exchange._slots) == 1


REFUSALS: list[tuple[int, Any, Failure]] = [
    (400, {"error": "invalid_grant", "error_description": "Invalid grant: account not found"},
     Failure.KEY_REJECTED),
    (401, {"error": "invalid_client", "error_description": "The OAuth client was not found."},
     Failure.KEY_REJECTED),
    (401, {"error": "unauthorized_client"}, Failure.KEY_REJECTED),
    (401, {"error": "deleted_client"}, Failure.KEY_REJECTED),
    (403, {"error": "access_denied"}, Failure.KEY_REJECTED),
    (403, b"<html>no</html>", Failure.KEY_REJECTED),
    (429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, Failure.RATE_LIMITED),
    (403, {"error": "rate_limit_exceeded"}, Failure.RATE_LIMITED),
    (500, {"error": "internal_failure"}, Failure.SERVER),
    (400, {"error": "temporarily_unavailable"}, Failure.SERVER),
    (408, b"", Failure.SERVER),
    (502, b"\xff\xfe", Failure.SERVER),
    (503, b"", Failure.OVERLOADED),
    (400, {"error": "invalid_scope"}, Failure.BAD_REPLY),
    (404, b"not found", Failure.BAD_REPLY),
    (400, b"[1]", Failure.BAD_REPLY),
    (204, b"", Failure.BAD_REPLY),
    (302, b"", Failure.BAD_REPLY),
    (200, b"{}", Failure.BAD_REPLY),
    (200, b"\xff", Failure.BAD_REPLY),
    (200, b'"token"', Failure.BAD_REPLY),
    (200, {"access_token": "", "expires_in": 10}, Failure.BAD_REPLY),
    (200, {"access_token": "two words", "expires_in": 10}, Failure.BAD_REPLY),
    (200, {"access_token": "line\nbreak", "expires_in": 10}, Failure.BAD_REPLY),
    (200, {"access_token": "fine", "expires_in": "soon"}, Failure.BAD_REPLY),
    (200, {"access_token": "fine", "expires_in": 10, "token_type": "mac"}, Failure.BAD_REPLY),
    (200, {"id_token": "eyJ"}, Failure.BAD_REPLY),
    (200, b"[" * 100_000, Failure.BAD_REPLY),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "failure"), REFUSALS)
async def test_what_the_endpoint_refuses_is_named_for_what_it_is(
    robot: Robot, clock: ManualClock, status: int, body: Any, failure: Failure
) -> None:
    async with (
        serve_raw(answering(refusing(status, body))) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        with pytest.raises(UpstreamError) as caught:
            await exchange.access_token(KEY, robot.file())
    assert facts(caught.value) == (failure, None, None)
    assert caught.value.wait_s is None
    if failure is not Failure.BAD_REPLY:
        assert caught.value.status == status


async def test_a_refusal_says_what_google_said(robot: Robot, clock: ManualClock) -> None:
    stranger = Robot("stranger@some-project.iam.gserviceaccount.com")
    impostor = Robot(robot.email)  # the right name, another key
    late = ManualClock()
    late.passed = 7_200.0
    async with (
        serve_raw(selling(robot, now=clock.now)) as upstream,
        exchanging(upstream, clock) as exchange,
        exchanging(upstream, late) as ahead,
    ):
        said = []
        for each, file in ((exchange, stranger), (exchange, impostor), (ahead, robot)):
            with pytest.raises(UpstreamError) as caught:
                await each.access_token(KEY, file.file())
            assert caught.value.failure is Failure.KEY_REJECTED
            assert caught.value.code == "invalid_grant"
            said.append(caught.value.message)
    start = "No access token for the service account: invalid_grant: "
    assert said == [
        start + "Invalid grant: account not found",
        start + "Invalid JWT Signature.",
        start + "Invalid JWT: check your iat and exp values in the JWT claim.",
    ]


async def test_a_wait_that_the_endpoint_names_is_passed_on(
    robot: Robot, clock: ManualClock
) -> None:
    async with (
        serve_raw(answering(refusing(429, {}, ("retry-after", "7")))) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        with pytest.raises(UpstreamError) as caught:
            await exchange.access_token(KEY, robot.file())
    assert (caught.value.failure, caught.value.wait_s) == (Failure.RATE_LIMITED, 7.0)


async def test_an_endpoint_that_repeats_what_it_got_gives_nothing_away(
    robot: Robot, clock: ManualClock, canary: Canaries
) -> None:
    token = canary.mint("ya29")

    async def scene(peer: Peer) -> None:
        request = await peer.read_request()
        echo = f"{grant_of(request)['assertion'][0]} {robot.pem} {token * 2}"
        peer.send(refusing(400, {"error": "invalid_grant", "error_description": echo}))

    async with serve_raw(scene) as upstream, exchanging(upstream, clock) as exchange:
        with pytest.raises(UpstreamError) as caught:
            await exchange.access_token(KEY, robot.file())
    shown = caught.value.message + repr(caught.value) + str(caught.value)
    assert "[secret]" in caught.value.message
    assert len(caught.value.message) < 400
    secrets = [
        *grant_of(upstream.requests[0])["assertion"][0].split("."),
        *(line for line in robot.pem.splitlines() if "PRIVATE" not in line and len(line) > 20),
        token,
    ]
    assert [each for each in secrets if each in shown or each[:40] in shown] == []


def pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


UNUSABLE = [
    {"private_key": "not a key"},
    {"private_key": None},
    {"private_key": 7},
    {"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
    {"private_key": pem_of(ec.generate_private_key(ec.SECP256R1()))},
    {"private_key": "-----BEGIN PRIVATE KEY-----\n" + "A" * 10_000},
    {"private_key": "ключ"},
    {"private_key": "\ud800"},
    {"client_email": None},
    {"client_email": ""},
    {"type": "authorized_user"},
]


@pytest.mark.parametrize("change", UNUSABLE)
async def test_a_file_that_cannot_sign_is_the_keys_fault_and_is_not_sent(
    robot: Robot, clock: ManualClock, change: dict[str, Any]
) -> None:
    async with (
        serve_raw(selling(robot, now=clock.now)) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        with pytest.raises(UpstreamError) as caught:
            await exchange.access_token(KEY, robot.file(**change))
    assert facts(caught.value) == (Failure.KEY_REJECTED, None, None)
    assert upstream.opened == 0
    for value in change.values():
        assert not value or str(value) not in caught.value.message


async def test_a_key_that_would_take_seconds_to_check_is_not_looked_at(
    robot: Robot, clock: ManualClock
) -> None:
    async with (
        serve_raw(selling(robot, now=clock.now)) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        await exchange.access_token(KEY, robot.file(private_key=robot.pem + "\n" * 2_000))
        with pytest.raises(UpstreamError) as caught:
            await exchange.access_token(KEY, robot.file(private_key=robot.pem + "\n" * 4_000))
    assert caught.value.failure is Failure.KEY_REJECTED
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "ya29.token", '{"type": 1}'])
async def test_a_secret_that_is_no_service_account_is_refused(
    clock: ManualClock, robot: Robot, text: str
) -> None:
    async with (
        serve_raw(selling(robot, now=clock.now)) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        with pytest.raises(UpstreamError) as caught:
            await exchange.access_token(KEY, Secret(text))
    assert facts(caught.value) == (Failure.KEY_REJECTED, None, None)
    assert upstream.opened == 0


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ('{"type": "service_account"}', True),
        ('\n {"client_email": "x", "type": "service_account"}\n', True),
        ('{"type": "authorized_user"}', False),
        ('{"access_key_id": "AKIA", "secret_access_key": "s"}', False),
        ('{"type": ["service_account"]}', False),
        ('{"type": "service_account"', False),
        ("ya29.a0AfH6SM", False),
        ("AIzaSyA", False),
        ('"service_account"', False),
        ("", False),
    ],
)
def test_only_a_service_account_needs_an_exchange(text: str, needed: bool) -> None:
    assert needs_exchange(Secret(text)) is needed


async def test_an_endpoint_that_is_away_is_unreachable(robot: Robot, clock: ManualClock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: the port refuses
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/token"
        async with (
            serve_raw(play(reading())) as upstream,
            exchanging(upstream, clock, token_url=url) as exchange,
        ):
            with pytest.raises(UpstreamError) as caught:
                await exchange.access_token(KEY, robot.file())
    assert facts(caught.value) == (Failure.UNREACHABLE, None, None)


async def test_a_reply_that_is_too_large_is_refused(robot: Robot, clock: ManualClock) -> None:
    async with (
        serve_raw(answering(reply(b" " * 100_000))) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        with pytest.raises(UpstreamError) as caught:
            await exchange.access_token(KEY, robot.file())
    assert caught.value.failure is Failure.BAD_REPLY


async def test_a_failure_is_told_to_all_who_wait_and_then_forgotten(
    robot: Robot, clock: ManualClock
) -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_request()
        peer.send(refusing(500, {}))
        await peer.read_request()
        peer.send(granting({"access_token": "good", "expires_in": 3599}))
        await peer.hang()

    async with serve_raw(scene) as upstream, exchanging(upstream, clock) as exchange:
        calls = (exchange.access_token(KEY, robot.file()) for _ in range(3))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        errors = [each for each in outcomes if isinstance(each, UpstreamError)]
        assert [each.failure for each in errors] == [Failure.SERVER] * 3
        assert len({id(each) for each in errors}) == 3
        assert (await exchange.access_token(KEY, robot.file())).reveal() == "good"
    assert len(upstream.requests) == 2


async def test_a_token_that_the_provider_refused_is_fetched_anew(
    robot: Robot, clock: ManualClock
) -> None:
    async with (
        serve_raw(selling(robot, now=clock.now)) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        first = await exchange.access_token(KEY, robot.file())
        exchange.forget(ExchangeKey("u_2", "vertex", 7))
        exchange.forget(ExchangeKey("u_1", "vertex", 6))
        assert await exchange.access_token(KEY, robot.file()) == first
        exchange.forget(KEY, first)
        second = await exchange.access_token(KEY, robot.file())
        exchange.forget(KEY, first)  # a late one: the token it speaks of is gone already
        assert await exchange.access_token(KEY, robot.file()) == second
        exchange.forget(KEY)
        exchange.forget(KEY)
        third = await exchange.access_token(KEY, robot.file())
    assert [each.reveal() for each in (first, second, third)] == ["token-1", "token-2", "token-3"]


async def test_forgetting_does_not_end_an_exchange_under_way(
    robot: Robot, clock: ManualClock
) -> None:
    async with holding_back() as (upstream, go), exchanging(upstream, clock) as exchange:
        caller = asyncio.create_task(exchange.access_token(KEY, robot.file()))
        await upstream.until(lambda: len(upstream.requests) == 1)
        exchange.forget(KEY)
        go.set()
        assert (await caller).reveal() == "token-1"
        assert (await exchange.access_token(KEY, robot.file())).reveal() == "token-1"
    assert len(upstream.requests) == 1


async def test_closing_ends_what_is_under_way(robot: Robot, clock: ManualClock) -> None:
    async with holding_back() as (upstream, _), exchanging(upstream, clock) as exchange:
        caller = asyncio.create_task(exchange.access_token(KEY, robot.file()))
        await upstream.until(lambda: len(upstream.requests) == 1)
        await exchange.aclose()
        with pytest.raises(UpstreamError) as caught:
            await caller
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
    assert caught.value.failure is Failure.UNREACHABLE


async def test_nothing_opened_is_held_beside_the_token(robot: Robot, clock: ManualClock) -> None:
    """Neither the account nor its key can be reached from a held token, or a held failure."""
    gone = Robot("gone@some-project.iam.gserviceaccount.com")
    async with (
        serve_raw(selling(robot, now=clock.now)) as upstream,
        exchanging(upstream, clock) as exchange,
    ):
        await exchange.access_token(KEY, robot.file())
        with pytest.raises(UpstreamError):
            await exchange.access_token(ExchangeKey("u_2", "vertex", 1), gone.file())
        slots = list(exchange._slots.values())
        assert len(slots) == 2
        for slot in slots:
            outcome = slot.flight.result()
            if isinstance(outcome, UpstreamError):
                assert (outcome.__traceback__, outcome.__context__) == (None, None)
            assert "gserviceaccount" not in repr(slot)
            assert "token-1" not in repr(slot)
        frames = [slot.flight.get_coro().cr_frame for slot in slots]  # type: ignore[union-attr]
        assert frames == [None, None]
