"""Many callers, one connection: order, isolation, and what happens when it breaks."""

import asyncio
import random
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from gateway.errors import StoreAway
from gateway.store.address import read_address
from gateway.store.batch import MAX_QUEUED, PING
from gateway.store.client import RedisStore, connect
from gateway.store.control import ask
from gateway.store.embedded import EmbeddedStore
from gateway.store.node import Node
from tests.store.killing import kill_server, signal_server
from tests.waiting import async_wait_until


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Every test here runs on both loops: they order timers and reads differently."""
    return "asyncio", {"use_uvloop": request.param}


async def count(store: RedisStore, name: str) -> int:
    """Return one of the server's counters."""
    stats: bytes = await store.run("INFO", "stats")
    return int(stats.partition(f"{name}:".encode())[2].split()[0])


async def test_callers_of_one_moment_share_a_write_and_get_their_own_reply(
    store: RedisStore,
) -> None:
    reads = await count(store, "total_reads_processed")
    texts = [f"text {n}" for n in range(500)]
    replies = await asyncio.gather(*(store.run("ECHO", text) for text in texts))
    assert replies == [text.encode() for text in texts]
    assert await count(store, "total_reads_processed") - reads < 20


async def test_commands_of_callers_run_in_the_order_they_came(store: RedisStore) -> None:
    async def push(n: int) -> None:
        await store.run_many([("RPUSH", "order", n), ("RPUSH", "order", n)])

    await asyncio.gather(*(push(n) for n in range(200)))
    order = await store.run("LRANGE", "order", 0, -1)
    assert [int(n) for n in order] == [n for n in range(200) for _ in (1, 2)]


async def test_large_and_small_replies_keep_their_order(store: RedisStore) -> None:
    await store.run("SET", "large", b"x" * 3_000_000)

    async def length(n: int) -> int:
        return len(await store.run("GET", "large")) if n % 10 == 0 else await store.run("ECHO", n)

    replies = await asyncio.gather(*(length(n) for n in range(40)))
    assert replies == [3_000_000 if n % 10 == 0 else str(n).encode() for n in range(40)]


@asynccontextmanager
async def delaying(server: EmbeddedStore, path: Path, dice: random.Random) -> AsyncIterator[str]:
    """Yield the URL of a proxy that passes bytes on in random pieces, late."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(dice.randint(1, 4000)):
            await asyncio.sleep(dice.random() * 0.003)
            writer.write(data)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_unix_connection(server.socket)
        await asyncio.gather(pass_on(reader, upstream[1]), pass_on(upstream[0], writer))

    proxy = await asyncio.start_unix_server(accept, path)
    async with proxy:
        yield f"unix://{path}"


async def test_no_cancellation_gives_a_reply_to_another_user(
    store: RedisStore, redis_server: EmbeddedStore, tmp_path: Path
) -> None:
    """F-09: 50 users read their own marked value while 2,000 reads are cancelled at random."""
    dice = random.Random(9)
    await store.run_many([("SET", f"{{u:{user}}}", f"mark of {user}") for user in range(50)])
    loop = asyncio.get_running_loop()
    seen = {"own": 0, "cancelled": 0}

    async def read(proxied: RedisStore, user: int) -> None:
        task = loop.create_task(proxied.run("GET", f"{{u:{user}}}"))
        loop.call_later(dice.random() * 0.02, task.cancel)
        try:
            mark = await task
        except asyncio.CancelledError:
            seen["cancelled"] += 1
        else:
            assert mark == f"mark of {user}".encode()
            seen["own"] += 1

    async def be_user(proxied: RedisStore, user: int) -> None:
        while seen["cancelled"] < 2000:
            await read(proxied, user)

    async with (
        delaying(redis_server, tmp_path / "proxy.sock", dice) as url,
        await connect(url, timeout_s=10.0) as proxied,
    ):
        connections = await count(store, "total_connections_received")
        await asyncio.gather(*(be_user(proxied, user) for user in range(50)))
        assert await proxied.run("GET", "{u:7}") == b"mark of 7"
        assert await count(store, "total_connections_received") == connections
    assert seen["own"] > 500


async def test_a_server_that_hangs_is_left_within_the_timeout(own_server: EmbeddedStore) -> None:
    async with await connect(own_server.url, timeout_s=0.25) as store:
        await store.run("SET", "a", "1")
        signal_server(own_server, signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(StoreAway):
            await store.run("INCR", "a")
        assert time.monotonic() - begun < 1.0  # 0.25 s, and room for a slow machine
        await async_wait_until(lambda: not store.healthy)
        with pytest.raises(StoreAway):
            await store.run("INCR", "a")
        signal_server(own_server, signal.SIGCONT)
        await async_wait_until(lambda: store.healthy)
        # The late reply of the first INCR belongs to a connection that is gone.
        assert await store.run("ECHO", "mine") == b"mine"


async def test_a_stall_of_our_own_loop_is_not_taken_for_the_servers(
    own_server: EmbeddedStore,
) -> None:
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()

    def stall() -> None:
        # While other data is handled: when it ends the loop sees the timer first, then the reply.
        near.recv(1)
        time.sleep(0.4)

    async with await connect(own_server.url, timeout_s=0.25) as store:
        connections = await count(store, "total_connections_received")
        loop.add_reader(near, stall)
        for _ in range(4):
            task = loop.create_task(store.run("ECHO", "patience"))
            await asyncio.sleep(0)
            far.send(b"x")
            assert await task == b"patience"
        loop.remove_reader(near)
        assert await count(store, "total_connections_received") == connections
    near.close()
    far.close()


async def test_an_open_breaker_answers_without_waiting(own_server: EmbeddedStore) -> None:
    async with await connect(own_server.url, timeout_s=0.25) as store:
        kill_server(own_server)
        refused = 0

        async def fail_in_one_step() -> bool:
            task = asyncio.ensure_future(store.ping())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            done = task.done()
            with pytest.raises(StoreAway):
                await task
            return done

        deadline = time.monotonic() + 10
        while refused < 50:
            assert time.monotonic() < deadline
            refused += await fail_in_one_step()
        own_server.revive()
        await async_wait_until(lambda: store.healthy)
        assert await store.run("PING") == b"PONG"


async def test_a_dropped_connection_costs_waiting_callers_nothing(
    own_server: EmbeddedStore,
) -> None:
    async with await connect(own_server.url, timeout_s=5.0) as store:
        before = await count(store, "total_connections_received")
        ask(own_server.socket, "CLIENT", "KILL", "TYPE", "normal")
        await async_wait_until(
            lambda: (
                int(
                    ask(own_server.socket, "INFO", "clients")
                    .partition(b"connected_clients:")[2]
                    .split()[0]
                )
                == 2
            )
        )
        assert await store.run("ECHO", "still here") == b"still here"
        assert await count(store, "total_connections_received") > before


def has_counted(ends: dict[str, int], enough: int) -> bool:
    return ends["replied"] >= enough


async def test_no_command_runs_twice_when_connections_drop(own_server: EmbeddedStore) -> None:
    ends = {"replied": 0, "away": 0}
    dropping = True
    async with await connect(own_server.url, timeout_s=5.0) as store:

        async def count_up() -> None:
            while dropping:
                try:
                    await store.run("INCR", "n")
                except StoreAway:
                    ends["away"] += 1
                    await asyncio.sleep(0.001)
                else:
                    ends["replied"] += 1

        counting = [asyncio.ensure_future(count_up()) for _ in range(20)]
        for n in range(1, 6):
            await async_wait_until(partial(has_counted, ends, 200 * n))
            await asyncio.to_thread(ask, own_server.socket, "CLIENT", "KILL", "TYPE", "normal")
        dropping = False
        await asyncio.gather(*counting)
    ran = int(ask(own_server.socket, "GET", "n"))
    assert ends["replied"] <= ran <= ends["replied"] + ends["away"]
    assert ends["away"] > 0


async def test_a_script_that_never_ends_takes_nobody_else_along(own_server: EmbeddedStore) -> None:
    async with await connect(own_server.url, timeout_s=0.25) as store:
        await store.run("CONFIG", "SET", "lua-time-limit", 50)
        with pytest.raises(StoreAway):
            await store.run("EVAL", "while true do end", 0)
        await async_wait_until(lambda: not store.healthy)
        ask(own_server.socket, "SCRIPT", "KILL", timeout_s=5.0)
        await async_wait_until(lambda: store.healthy)
        assert await store.run("ECHO", "x") == b"x"


async def test_too_many_waiting_calls_are_refused(own_server: EmbeddedStore) -> None:
    signal_server(own_server, signal.SIGSTOP)
    address = read_address(own_server.url)
    node = Node(address, timeout_s=0.25, on_greeted=lambda node, greeting: None)
    link = node.link
    futures = [link.submit(PING, 1) for _ in range(MAX_QUEUED)]
    with pytest.raises(StoreAway, match="too many"):
        link.submit(PING, 1)
    ends = await asyncio.gather(*futures, return_exceptions=True)
    assert all(isinstance(end, StoreAway) for end in ends)
    signal_server(own_server, signal.SIGCONT)
    await link.aclose()


async def test_a_call_given_up_before_it_was_written_is_not_sent(
    own_server: EmbeddedStore,
) -> None:
    async with await connect(own_server.url, timeout_s=5.0) as store:
        task = asyncio.ensure_future(store.run("SET", "unwanted", "1"))
        await asyncio.sleep(0)  # queued; the writer has not run yet
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await store.run("EXISTS", "unwanted") == 0
