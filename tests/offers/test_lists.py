"""Providers' own lists in memory: fresh for an hour, asked for once, never waited for too long."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from gateway.errors import Failure, UpstreamError
from gateway.identity.changes import UserChange
from gateway.identity.provider_keys import Offer
from gateway.offers.asking import Inquiry
from gateway.offers.lists import ModelLists, Models
from gateway.providers.listing import ListedModel
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.types.upstream import KeySource
from tests.identity.scene import Scene, make_scene
from tests.offers.scene import (
    LOOPBACK,
    Page,
    TableTransport,
    asker_of,
    inquiries_of,
    inquiry_of,
    make_account,
    models,
    own,
    plain,
)
from tests.routing.scenes import configured
from tests.waiting import async_wait_until

ONE, TWO = "http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"
ONE_LIST, TWO_LIST = f"{ONE}/models", f"{TWO}/models"
DOWN = UpstreamError(Failure.UNREACHABLE, "gone")


def ids(found: Models) -> list[str]:
    return [model.id for model in found]


class World:
    """A user with own endpoints, and the lists of one worker."""

    def __init__(self, scene: Scene, limit_s: float = 5.0, most_models: int = 1_000) -> None:
        self.scene = scene
        self.snapshot = configured({"endpoints": {"allow_http": True}})
        self.transport = TableTransport({ONE_LIST: Page(models("a")), TWO_LIST: Page(models("b"))})
        asker = asker_of(scene, self.transport, limit_s)
        self.lists = ModelLists(asker, scene.clock, most_models=most_models)

    async def inquire(self, **endpoints: str) -> list[Inquiry]:
        keys = {name: own(url) for name, url in endpoints.items()}
        account = await make_account(self.scene, self.snapshot, keys)
        return [inquiry_of(account, self.snapshot, name) for name in endpoints]


@pytest.fixture
async def world(store: RedisStore) -> AsyncIterator[World]:
    made = World(make_scene(store))
    yield made
    await made.lists.aclose()


async def test_each_key_gets_the_list_of_its_provider(world: World) -> None:
    found = await world.lists.read(await world.inquire(one=ONE, two=TWO))
    assert [ids(models) for models in found] == [["a"], ["b"]]
    assert dict(world.transport.sent[0].headers)["authorization"].startswith("Bearer sk-test-")


async def test_a_list_is_fresh_for_an_hour(world: World) -> None:
    [inquiry] = await world.inquire(one=ONE)
    await world.lists.read([inquiry])
    world.transport.pages[ONE_LIST] = Page(models("new"))

    world.scene.clock.pass_s(3599)
    assert [ids(found) for found in await world.lists.read([inquiry])] == [["a"]]
    assert len(world.transport.sent) == 1

    world.scene.clock.pass_s(2)
    assert [ids(found) for found in await world.lists.read([inquiry])] == [["new"]]
    assert len(world.transport.sent) == 2


@pytest.mark.parametrize(
    "failing",
    [Page(error=DOWN), Page(b'{"error": {"message": "no"}}', 401), Page(b"busy", 503)],
)
async def test_a_failure_keeps_the_list_and_is_not_repeated_at_once(
    world: World, failing: Page
) -> None:
    [inquiry] = await world.inquire(one=ONE)
    await world.lists.read([inquiry])
    world.transport.pages[ONE_LIST] = failing
    world.scene.clock.pass_s(3601)

    for _ in range(3):
        assert [ids(found) for found in await world.lists.read([inquiry])] == [["a"]]
    assert len(world.transport.sent) == 2

    world.scene.clock.pass_s(61)
    world.transport.pages[ONE_LIST] = Page(models("back"))
    assert [ids(found) for found in await world.lists.read([inquiry])] == [["back"]]


async def test_a_provider_that_never_answered_has_no_list_and_spoils_no_other(
    world: World,
) -> None:
    world.transport.pages[ONE_LIST] = Page(error=DOWN)
    found = await world.lists.read(await world.inquire(one=ONE, two=TWO))
    assert [ids(models) for models in found] == [[], ["b"]]


async def test_many_who_want_a_list_at_once_share_one_request(world: World) -> None:
    gate = asyncio.Event()
    world.transport.pages[ONE_LIST] = Page(models("a"), gate=gate)
    [inquiry] = await world.inquire(one=ONE)

    wanting = [asyncio.create_task(world.lists.read([inquiry])) for _ in range(20)]
    await async_wait_until(lambda: world.transport.sent)
    wanting.append(asyncio.create_task(world.lists.read([inquiry])))
    gate.set()

    assert [await task for task in wanting] == [[(ListedModel("a"),)]] * 21
    assert len(world.transport.sent) == 1


async def test_one_who_hangs_up_ends_nothing_for_the_others(world: World) -> None:
    gate = asyncio.Event()
    world.transport.pages[ONE_LIST] = Page(models("a"), gate=gate)
    [inquiry] = await world.inquire(one=ONE)
    first = asyncio.create_task(world.lists.read([inquiry]))
    await async_wait_until(lambda: world.transport.sent)
    second = asyncio.create_task(world.lists.read([inquiry]))
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.wait([first])
    gate.set()

    assert await second == [(ListedModel("a"),)]
    assert len(world.transport.sent) == 1


async def test_lists_are_asked_for_at_the_same_time(world: World) -> None:
    gates = [asyncio.Event(), asyncio.Event()]
    world.transport.pages[ONE_LIST] = Page(models("a"), gate=gates[0])
    world.transport.pages[TWO_LIST] = Page(models("b"), gate=gates[1])
    reading = asyncio.create_task(world.lists.read(await world.inquire(one=ONE, two=TWO)))
    await async_wait_until(lambda: len(world.transport.sent) == 2)  # before any has answered
    for gate in gates:
        gate.set()
    assert [ids(found) for found in await reading] == [["a"], ["b"]]


async def test_a_provider_that_is_silent_is_not_waited_for(store: RedisStore) -> None:
    world = World(make_scene(store), limit_s=0.05)
    world.transport.pages[ONE_LIST] = Page(gate=asyncio.Event())
    inquiries = await world.inquire(one=ONE, two=TWO)
    async with asyncio.timeout(10):  # without the limit it would wait for ever
        found = await world.lists.read(inquiries)
        again = await world.lists.read(inquiries)
    assert [ids(models) for models in found] == [[], ["b"]]
    assert again == found
    assert len(world.transport.sent) == 2  # the silent one is left alone for a while
    await world.lists.aclose()


async def test_another_change_of_the_user_does_not_ask_again(world: World) -> None:
    [inquiry] = await world.inquire(one=ONE)
    await world.lists.read([inquiry])
    user_id = inquiry.account.record.id
    await world.scene.users.change(user_id, UserChange(preferences={"provider": "one"}), ["one"])
    account = await world.scene.accounts.load(user_id)
    assert account.epoch != inquiry.account.epoch

    found = await world.lists.read([inquiry_of(account, world.snapshot, "one")])

    assert [ids(models) for models in found] == [["a"]]
    assert len(world.transport.sent) == 1


async def test_another_secret_or_endpoint_is_another_list(world: World) -> None:
    [inquiry] = await world.inquire(one=ONE)
    await world.lists.read([inquiry])
    user_id = inquiry.account.record.id
    world.transport.pages[ONE_LIST] = Page(error=DOWN)
    for change in (replace(own(ONE), secret="sk-another-0123456789"), own(TWO)):
        await world.scene.keys.put(user_id, "one", change, offer(world))
        account = await world.scene.accounts.load(user_id)
        found = await world.lists.read([inquiry_of(account, world.snapshot, "one")])
        assert ids(found[0]) != ["a"], "what the old key saw is no list of the new one's"
    assert world.transport.urls == [ONE_LIST, ONE_LIST, TWO_LIST]


async def test_one_users_list_is_not_shown_to_another(world: World) -> None:
    [mine] = await world.inquire(one=ONE)
    await world.lists.read([mine])
    world.transport.pages[ONE_LIST] = Page(models("theirs"))
    [theirs] = await world.inquire(one=ONE)
    assert [ids(found) for found in await world.lists.read([theirs])] == [["theirs"]]
    assert [ids(found) for found in await world.lists.read([mine])] == [["a"]]


async def test_the_list_of_a_platform_key_is_everybodys(store: RedisStore) -> None:
    world = World(make_scene(store))
    snapshot = configured({"providers": {"groq": {"base_url": "https://g.test"}}}, groq="gsk-ours")
    world.transport.pages = {"https://g.test/models": Page(models("llama"))}
    for _ in range(2):
        account = await make_account(world.scene, snapshot, {})
        [inquiry] = inquiries_of(account, snapshot)
        assert inquiry.target.key_source is KeySource.PLATFORM
        assert [ids(found) for found in await world.lists.read([inquiry])] == [["llama"]]
    assert len(world.transport.sent) == 1
    assert dict(world.transport.sent[0].headers)["authorization"] == "Bearer gsk-ours"


async def test_a_provider_without_a_list_is_never_asked(world: World) -> None:
    account = await make_account(world.scene, world.snapshot, {"perplexity": plain()})
    found = await world.lists.read([inquiry_of(account, world.snapshot, "perplexity")])
    assert found == [()]
    assert world.transport.sent == []


async def test_a_list_learned_otherwise_is_used(world: World) -> None:
    [inquiry] = await world.inquire(one=ONE)
    world.lists.learn(inquiry, (ListedModel("told"),))
    assert await world.lists.read([inquiry]) == [(ListedModel("told"),)]
    assert world.transport.sent == []


async def test_what_is_held_is_bounded_and_the_oldest_makes_room(store: RedisStore) -> None:
    world = World(make_scene(store), most_models=10)
    world.transport.pages[ONE_LIST] = Page(models("a", "b", "c"))
    world.transport.pages[TWO_LIST] = Page(models(*"defg"))
    first, second = await world.inquire(one=ONE, two=TWO)
    [third] = await world.inquire(three=ONE)
    await world.lists.read([first])
    await world.lists.read([second])
    await world.lists.read([first])  # used again: now the second is the oldest
    await world.lists.read([third])
    sent = len(world.transport.sent)

    await world.lists.read([first])
    await world.lists.read([third])
    assert len(world.transport.sent) == sent
    await world.lists.read([second])
    assert len(world.transport.sent) == sent + 1


async def test_a_sealed_key_that_does_not_open_spoils_no_other_list(world: World) -> None:
    one, two = await world.inquire(one=ONE, two=TWO)
    user_id = one.account.record.id
    await world.scene.store.run("DEL", names.user_deks(user_id))
    account = await world.scene.accounts.load(user_id)
    broken = replace(one, account=account)
    found = await world.lists.read([broken, two])
    assert [ids(models) for models in found] == [[], ["b"]]


async def test_closing_ends_what_is_under_way(world: World) -> None:
    world.transport.pages[ONE_LIST] = Page(gate=asyncio.Event())
    [inquiry] = await world.inquire(one=ONE)
    reading = asyncio.create_task(world.lists.read([inquiry]))
    await async_wait_until(lambda: world.transport.sent)
    await world.lists.aclose()
    assert await reading == [()]


def offer(world: World) -> Offer:
    return Offer(world.snapshot.providers, LOOPBACK)
