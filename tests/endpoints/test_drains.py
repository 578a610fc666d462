"""Calls whose client hangs up, and whose user wants them finished."""

import asyncio

import pytest

from gateway.endpoints.calls import run_call
from gateway.endpoints.drains import Drains
from gateway.endpoints.requests import ClientGone
from gateway.errors import AuthenticationFailed
from gateway.exchange import STREAM_HEADERS
from gateway.identity.open_calls import OpenCalls
from tests.endpoints.test_calls import CALLER, Client, Work
from tests.waiting import async_wait_until


async def hung_up(client: Client, work: Work, drains: Drains, calls: OpenCalls) -> None:
    """Run a call that wants to be drained, and hang up in its middle."""
    client.outlive_client()
    request = client.request()
    running = asyncio.create_task(run_call(calls, request, CALLER, work.run(), drains))
    await work.begun.wait()
    client.hung_up.set()
    with pytest.raises(ClientGone):
        await running


async def test_a_drained_call_goes_on_keeps_its_place_and_can_be_interrupted() -> None:
    client, calls, drains = Client(), OpenCalls(), Drains()
    work = Work(client, STREAM_HEADERS)

    await hung_up(client, work, drains, calls)

    assert client.is_muted
    assert not work.cancelled
    [call] = calls.of("u_1")
    call.interrupt(AuthenticationFailed())
    await async_wait_until(lambda: work.cancelled and not calls.users)


async def test_a_drained_call_ends_with_its_time() -> None:
    client, calls, drains = Client(), OpenCalls(), Drains(limit_s=0.05)
    work = Work(client, STREAM_HEADERS)

    await hung_up(client, work, drains, calls)

    await async_wait_until(lambda: work.cancelled and not calls.users)


async def test_drained_calls_are_few_and_are_cut_first() -> None:
    client, other = Client(), Client()
    calls, drains = OpenCalls(), Drains()
    first, second = Work(client, STREAM_HEADERS), Work(other, STREAM_HEADERS)
    await hung_up(client, first, drains, calls)

    await hung_up(other, second, drains, calls)

    assert second.cancelled
    assert not other.is_muted
    assert drains.has_room(40)
    assert not drains.has_room(39)
    assert len(calls.of("u_1")) == 1
    await drains.aclose()
    assert first.cancelled
    assert calls.users == ()


async def test_without_the_wish_a_call_ends_with_its_client() -> None:
    client, calls, drains = Client(), OpenCalls(), Drains()
    work = Work(client, STREAM_HEADERS)
    running = asyncio.create_task(run_call(calls, client.request(), CALLER, work.run(), drains))
    await work.begun.wait()

    client.hung_up.set()

    with pytest.raises(ClientGone):
        await running
    assert work.cancelled
