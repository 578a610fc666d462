"""Calls that outlive their token or their user: ended by the watch of every worker, by nobody else."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.errors import AuthenticationFailed, Overloaded
from gateway.identity.accounts import Caller
from gateway.identity.call_watch import CallWatch
from gateway.identity.changes import NewUser, OwnChange, UserChange
from gateway.identity.minting import TokenRequest
from gateway.identity.open_calls import OpenCall, OpenCalls
from gateway.store import names
from gateway.store.client import RedisStore
from tests.identity.scene import Scene, bearer, make_scene


class Worker:
    """One worker with calls that wait until they are ended."""

    def __init__(self, store: RedisStore) -> None:
        self.scene = make_scene(store)
        self.calls = OpenCalls()
        self.forgotten: list[str] = []
        scene = self.scene
        forget: list[Callable[[str], None]] = [scene.accounts.forget, self.forgotten.append]
        self.watch = CallWatch(scene.store, scene.accounts, self.calls, scene.clock, forget)
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, token: str) -> OpenCall:
        """Begin a call; it is under way when this returns."""
        caller = await self.scene.accounts.authenticate(bearer(token))
        begun: asyncio.Future[OpenCall] = asyncio.get_running_loop().create_future()

        async def run() -> None:
            task = asyncio.current_task()
            assert task is not None
            with self.calls.enter(caller, task) as call:
                begun.set_result(call)
                await asyncio.Event().wait()

        self.tasks.append(asyncio.create_task(run()))
        return await begun

    async def end(self) -> list[bool]:
        """End all calls; for each whether somebody had ended it before."""
        await asyncio.sleep(0)
        ended = [task.done() for task in self.tasks]
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        return ended


async def new_user(scene: Scene) -> tuple[str, str, str]:
    """Return a user's id, and a token with its id."""
    user = await scene.users.create(NewUser())
    minted = await scene.tokens.mint(user.id, TokenRequest("app"))
    return user.id, minted.token.reveal(), minted.info.id


Act = Callable[[Scene, str, str], object]


async def revoke(scene: Scene, user_id: str, token_id: str) -> None:
    await scene.tokens.revoke(user_id, token_id)


async def disable(scene: Scene, user_id: str, token_id: str) -> None:
    await scene.users.change(user_id, UserChange(disabled=True))


async def remove(scene: Scene, user_id: str, token_id: str) -> None:
    await scene.users.remove(user_id)


@pytest.mark.parametrize("act", [revoke, disable, remove])
async def test_a09_open_calls_end_in_every_worker_and_others_go_on(
    store: RedisStore, act: Callable[[Scene, str, str], "asyncio.Future[None]"]
) -> None:
    """A-09. At the next look of each worker's watch."""
    here, there = Worker(store), Worker(store)
    user_id, token, token_id = await new_user(here.scene)
    _, other_token, _ = await new_user(here.scene)
    doomed = [await worker.begin(token) for worker in (here, there)]
    going_on = [await worker.begin(other_token) for worker in (here, there)]

    await act(here.scene, user_id, token_id)
    for worker in (here, there):
        await worker.watch.step()

    assert all(isinstance(call.error, AuthenticationFailed) for call in doomed)
    assert [call.error for call in going_on] == [None, None]
    assert [await worker.end() for worker in (here, there)] == [[True, False]] * 2


async def test_another_token_of_the_same_user_goes_on(store: RedisStore) -> None:
    worker = Worker(store)
    user_id, token, token_id = await new_user(worker.scene)
    second = (await worker.scene.tokens.mint(user_id, TokenRequest("b"))).token.reveal()
    revoked, other = await worker.begin(token), await worker.begin(second)

    await worker.scene.tokens.revoke(user_id, token_id)
    await worker.watch.step()

    assert revoked.error is not None
    assert other.error is None
    await worker.end()


async def test_other_changes_and_an_expiry_end_nothing(store: RedisStore) -> None:
    worker = Worker(store)
    scene = worker.scene
    user = await scene.users.create(NewUser())
    minted = await scene.tokens.mint(user.id, TokenRequest("app", ttl=60))
    call = await worker.begin(minted.token.reveal())

    await scene.users.change(user.id, OwnChange({"timezone": "Europe/Berlin"}))
    await worker.watch.step()
    scene.clock.pass_s(3600)
    await scene.tokens.mint(user.id, TokenRequest("b"))  # drops those that have expired
    await worker.watch.step()

    assert call.error is None
    await worker.end()


async def test_nothing_is_cut_while_the_store_is_away(store: RedisStore) -> None:
    worker = Worker(store)
    user_id, token, token_id = await new_user(worker.scene)
    call = await worker.begin(token)
    await worker.scene.tokens.revoke(user_id, token_id)
    worker.scene.store.away = True
    running = asyncio.create_task(worker.watch.run(period_s=0.001))
    for _ in range(20):
        await asyncio.sleep(0.001)
    before = call.error

    worker.scene.store.away = False
    async with asyncio.timeout(15):
        await asyncio.wait(worker.tasks)

    assert before is None
    assert isinstance(call.error, AuthenticationFailed)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_an_unchanged_user_costs_one_question_however_many_calls_there_are(
    store: RedisStore,
) -> None:
    worker = Worker(store)
    _, token, _ = await new_user(worker.scene)
    for _ in range(5):
        await worker.begin(token)
    worker.scene.store.asked.clear()

    await worker.watch.step()

    assert worker.scene.store.asked == ["XRANGE", "admission"]
    await worker.end()


async def test_what_a_worker_holds_of_the_erased_is_dropped(store: RedisStore) -> None:
    """B-14. Also where they never come back to ask."""
    worker = Worker(store)
    user_id, token, _ = await new_user(worker.scene)
    caller = await worker.scene.accounts.authenticate(bearer(token))
    for gone in (user_id, "u_other"):
        await store.run(
            "XADD", names.erased(), f"{int(worker.scene.clock.now() * 1000)}-*", "user", gone
        )

    await worker.watch.step()
    await worker.watch.step()

    assert worker.forgotten == [user_id, "u_other"]
    assert isinstance(caller, Caller)
    assert worker.scene.accounts.recall(bearer(token)) is None


async def test_all_calls_can_be_ended_with_one_reason_and_the_first_one_counts(
    store: RedisStore,
) -> None:
    worker = Worker(store)
    calls = []
    for _ in range(3):
        _, token, _ = await new_user(worker.scene)
        calls.append(await worker.begin(token))
    calls[0].interrupt(AuthenticationFailed())

    worker.calls.interrupt_all(Overloaded("The gateway is stopping."))

    assert [call.error.code for call in calls if call.error] == [
        "invalid_api_key", "overloaded", "overloaded"
    ]  # fmt: skip
    assert await worker.end() == [True] * 3
    assert worker.calls.users == ()
    calls[1].interrupt(AuthenticationFailed())  # too late: nothing happens
