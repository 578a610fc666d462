"""Dialling: what is resolved, judged and connected to, and in which order."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from gateway.errors import Failure, UpstreamError
from gateway.upstream.addresses import AllowRule
from gateway.upstream.dial import Dialer
from gateway.upstream.origin import Origin
from gateway.upstream.resolve import SystemResolver
from tests.fakes.raw_scenes import play
from tests.fakes.raw_upstream import RawUpstream, serve_raw
from tests.upstream.scenes import FOR_LOOPBACK, StubResolver, facts, make_dialer

NAME = "llm.example"


@asynccontextmanager
async def dialled(
    dialer: Dialer, upstream: RawUpstream, host: str = NAME, *, trusted: bool = False
) -> AsyncIterator[str]:
    """Connect, show the peer's address, and close."""
    made = asyncio.get_running_loop().create_future()

    class Keep(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.set_result(transport)

    _, ip = await dialer.connect(
        Keep, Origin("http", host, upstream.port), trusted=trusted, timeout_s=2
    )
    closed = upstream.closed
    yield ip
    (await made).close()
    await upstream.until(lambda: upstream.closed > closed)


async def refusal(
    dialer: Dialer, host: str, port: int, *, trusted: bool = False, timeout_s: float = 2
) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await dialer.connect(
            asyncio.Protocol, Origin("http", host, port), trusted=trusted, timeout_s=timeout_s
        )
    assert facts(caught.value)[1:] == (None, None)
    return caught.value


async def test_a_name_is_resolved_once_and_its_address_connected() -> None:
    resolver = StubResolver({NAME: [["127.0.0.1"]]})
    async with (
        serve_raw(play()) as upstream,
        dialled(make_dialer(resolver), upstream) as ip,
    ):
        assert (ip, resolver.asked) == ("127.0.0.1", [NAME])


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1", "10.0.0.1"],
        ["10.0.0.1", "127.0.0.1"],
        ["127.0.0.1", "::ffff:169.254.169.254"],
        ["127.0.0.1", "fe80::1%lo"],
        ["127.0.0.1", "not an address"],
    ],
)
async def test_c07_one_denied_address_among_several_refuses_them_all(
    answer: Sequence[str],
) -> None:
    resolver = StubResolver({NAME: [answer]})
    async with serve_raw(play()) as upstream:
        error = await refusal(make_dialer(resolver), NAME, upstream.port)
        assert (error.failure, upstream.opened) == (Failure.ENDPOINT_REFUSED, 0)


async def test_c08_a_name_that_is_rebound_is_judged_again_at_every_connect() -> None:
    """Allowed at first, loopback's neighbour the second time: one look-up each, no second look."""
    resolver = StubResolver({NAME: [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1"]]})
    dialer = make_dialer(resolver)
    async with serve_raw(play()) as upstream:
        async with dialled(dialer, upstream):
            pass
        error = await refusal(dialer, NAME, upstream.port)
        async with dialled(dialer, upstream):
            pass
    assert error.failure is Failure.ENDPOINT_REFUSED
    assert (upstream.opened, resolver.asked) == (2, [NAME] * 3)


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f000001", "127.1", "localhost", "0"])
async def test_n1_spellings_the_system_resolves_to_loopback_are_judged_by_address(
    spelling: str,
) -> None:
    """The real resolver turns each into 127.0.0.1 or 0.0.0.0; the text is never what is judged."""
    resolver = SystemResolver()
    dialer = make_dialer(resolver, allowed=())
    async with serve_raw(play()) as decoy:
        error = await refusal(dialer, spelling, decoy.port)
        assert (error.failure, decoy.opened) == (Failure.ENDPOINT_REFUSED, 0)
    await resolver.aclose()


@pytest.mark.parametrize("ip", ["169.254.169.254", "fd00:ec2::254", "::ffff:168.63.129.16"])
async def test_c03_metadata_is_refused_to_the_operator_too(ip: str) -> None:
    dialer = make_dialer(StubResolver({NAME: [[ip]]}), allowed=[AllowRule.parse("[::/0]:*")])
    for host in (NAME, ip):
        assert (await refusal(dialer, host, 80, trusted=True)).failure is Failure.ENDPOINT_REFUSED


async def test_the_operators_own_addresses_need_no_rule() -> None:
    async with (
        serve_raw(play()) as upstream,
        dialled(make_dialer(allowed=()), upstream, "127.0.0.1", trusted=True) as ip,
    ):
        assert ip == "127.0.0.1"


async def test_an_address_that_refuses_gives_way_to_the_next() -> None:
    resolver = StubResolver({NAME: [["127.0.0.2", "127.0.0.3", "127.0.0.1"]]})
    dialer = make_dialer(resolver, allowed=[AllowRule.parse("127.0.0.0/8:*")])
    async with serve_raw(play()) as upstream, dialled(dialer, upstream) as ip:
        assert ip == "127.0.0.1"


async def test_families_take_turns_so_that_a_dead_one_does_not_use_up_the_tries() -> None:
    dead = [f"::ffff:127.0.0.{number}" for number in range(2, 8)]
    resolver = StubResolver({NAME: [[*dead, "127.0.0.1"]]})
    dialer = make_dialer(resolver, allowed=[AllowRule.parse("127.0.0.0/8:*")])
    async with serve_raw(play()) as upstream, dialled(dialer, upstream) as ip:
        assert ip == "127.0.0.1"


async def test_f01_when_every_address_refuses_it_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dialer = make_dialer(StubResolver({NAME: [["127.0.0.1", "127.0.0.1"]]}))
        error = await refusal(dialer, NAME, taken.getsockname()[1], trusted=True)
    assert error.failure is Failure.UNREACHABLE


@pytest.mark.parametrize("answers", [{}, {NAME: [[]]}])
async def test_f03_a_name_that_does_not_resolve_is_unreachable(
    answers: dict[str, list[list[str]]],
) -> None:
    error = await refusal(make_dialer(StubResolver(answers)), NAME, 443, trusted=True)
    assert error.failure is Failure.UNREACHABLE


@pytest.mark.parametrize("host", ["a" * 64 + ".invalid", "x..y"])
async def test_f03_what_the_system_cannot_resolve_is_unreachable(host: str) -> None:
    resolver = SystemResolver()
    error = await refusal(make_dialer(resolver), host, 443, trusted=True)
    assert error.failure in {Failure.UNREACHABLE, Failure.TIMEOUT}
    await resolver.aclose()


async def test_f03_slow_names_of_users_block_neither_the_loop_nor_the_operators() -> None:
    release = threading.Event()
    started = threading.Semaphore(0)

    def look_up(host: str) -> list[str]:
        if host == "slow.example":
            started.release()
            release.wait(10)
        return ["127.0.0.1"]

    resolver = SystemResolver(threads=2, look_up=look_up)
    dialer = make_dialer(resolver)
    async with serve_raw(play()) as upstream:
        slow = [
            asyncio.ensure_future(resolver.resolve("slow.example", trusted=False)) for _ in range(5)
        ]
        await asyncio.to_thread(started.acquire)
        async with dialled(dialer, upstream, "fast.example", trusted=True):
            assert not any(task.done() for task in slow)
        error = await refusal(dialer, "slow.example", upstream.port, timeout_s=0.1)
        assert error.failure is Failure.TIMEOUT
        release.set()
        assert await asyncio.gather(*slow) == [["127.0.0.1"]] * 5
    await resolver.aclose()


async def test_rules_given_later_hold_from_the_next_connect() -> None:
    dialer = make_dialer(allowed=())
    async with serve_raw(play()) as upstream:
        await refusal(dialer, "127.0.0.1", upstream.port)
        dialer.allow(FOR_LOOPBACK)
        async with dialled(dialer, upstream, "127.0.0.1"):
            assert upstream.opened == 1
