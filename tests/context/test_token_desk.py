"""The tokenizer's process: exact counts while it lives, estimates where it cannot be had."""

import asyncio
import os
import signal
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.context.estimate import estimate
from gateway.context.token_desk import TokenDesk
from tests.context.yardstick import counting
from tests.waiting import async_wait_until, wait_until

CANARY = "canary-7f31 said something private"


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Workers run on uvloop, the command line on asyncio."""
    return "asyncio", {"use_uvloop": request.param}


@asynccontextmanager
async def desk(**settings: Any) -> AsyncIterator[TokenDesk]:
    opened = TokenDesk(**settings)
    try:
        yield opened
    finally:
        await opened.aclose()


def is_gone(pid: int) -> bool:
    """Whether a process has ended; nobody may have asked for its status yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def told_of(pid: int | None) -> list[bytes]:
    """Return a process's arguments, environment and limits."""
    return [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ", "limits")]


def fake(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program)


async def test_texts_are_counted_in_order_by_one_process() -> None:
    texts = ["hello world", "", "<|endoftext|> is text", "今天", "x" * 120_000, "half \ud83d pair"]
    async with desk() as counter:
        first = await counter.count(texts)
        pid = counter.pid
        again = await counter.count(texts[:4] * 3_000)
        assert counter.pid == pid
        assert await counter.count([]) == ()
    assert first[:5] == (2, 0, 9, 1, 15_000)
    assert again == first[:4] * 3_000
    assert counter.pid is None
    assert pid is not None
    assert is_gone(pid)


async def test_questions_at_the_same_time_get_their_own_answers() -> None:
    with counting() as count:
        async with desk() as counter:
            asked = [[f"{'word ' * n}{who}" for n in range(1, 9)] for who in range(40)]
            answers = await asyncio.gather(*(counter.count(texts) for texts in asked))
        assert answers == [tuple(count(text) for text in texts) for texts in asked]


async def test_the_process_ends_when_nobody_asks_and_starts_again() -> None:
    async with desk(idle_s=0.05) as counter:
        assert await counter.count(["a b c"]) == (3,)
        pid = counter.pid
        assert pid is not None
        await async_wait_until(lambda: counter.pid is None and is_gone(pid))
        assert await counter.count(["a b c"]) == (3,)
        assert counter.pid != pid


async def test_a_process_that_died_is_started_again_and_nothing_is_estimated(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with desk() as counter:
        assert await counter.count(["supercalifragilistic"]) == (6,)
        assert counter.pid is not None
        os.kill(counter.pid, signal.SIGKILL)
        assert await counter.count(["supercalifragilistic"]) == (6,)
    assert not caplog.records


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(1)",
        "import sys; sys.stdin.buffer.read(8); print('x')",
        "import sys; sys.stdin.close(); sys.stdout.write('12'); sys.stdout.flush()",
    ],
)
async def test_without_a_tokenizer_counts_are_estimates_and_it_is_left_alone_for_a_while(
    program: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    starts = tmp_path / "starts"
    note = f"open({str(starts)!r}, 'a').write('x')\n"
    async with desk(command=fake(note + program)) as counter:
        assert await counter.count([CANARY, "two"]) == (estimate(CANARY), estimate("two"))
        assert starts.read_text() == "xx", "once, and once more"
        await asyncio.gather(*(counter.count([CANARY]) for _ in range(20)))
        assert starts.read_text() == "xx"
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert "canary" not in caplog.text


async def test_a_tokenizer_that_is_not_there_is_estimated(caplog: pytest.LogCaptureFixture) -> None:
    async with desk(command=("/nonexistent/python",)) as counter:
        assert await counter.count(["one two"]) == (2,)
    assert "FileNotFoundError" in caplog.text
    assert "/nonexistent" not in caplog.text


async def test_after_the_rest_it_is_tried_again(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.touch()
    program = (
        f"import os, runpy\nif os.path.exists({str(broken)!r}): raise SystemExit(1)\n"
        "runpy.run_module('gateway.context.tokenizer', run_name='__main__')"
    )
    text = "an unaccustomedness"
    async with desk(command=fake(program), rest_s=0.0) as counter:
        assert await counter.count([text]) == (estimate(text),)
        broken.unlink()
        assert await counter.count([text]) == (5,)


async def test_a_tokenizer_that_hangs_is_ended_and_nobody_waits_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hanging = fake("import time\nwhile True: time.sleep(60)")
    async with desk(command=hanging, limit_s=0.2) as counter:
        counts = asyncio.gather(*(counter.count([CANARY]) for _ in range(5)))
        await async_wait_until(lambda: counter.pid)
        pid = counter.pid
        assert pid is not None
        assert await counts == [(estimate(CANARY),)] * 5
        await async_wait_until(lambda: is_gone(pid))
    assert "canary" not in caplog.text


async def test_a_caller_that_goes_away_takes_nobody_elses_answer() -> None:
    async with desk() as counter:
        await counter.count(["warm"])
        for _ in range(20):
            leaving = [asyncio.create_task(counter.count(["a " * 2_000])) for _ in range(3)]
            await asyncio.sleep(0)
            for task in leaving:
                task.cancel()
            assert await counter.count(["a b c", "d"]) == (3, 1)
            await asyncio.gather(*leaving, return_exceptions=True)


async def test_more_than_may_wait_are_estimated_at_once(caplog: pytest.LogCaptureFixture) -> None:
    async with desk(command=fake("import time; time.sleep(60)"), most_waiting=2) as counter:
        asked = [asyncio.create_task(counter.count([CANARY])) for _ in range(8)]
        done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        await async_wait_until(lambda: sum(task.done() for task in asked) >= 5)
        assert {task.result() for task in done} == {(estimate(CANARY),)}
        assert waiting
        await counter.aclose()
        assert await asyncio.gather(*asked) == [(estimate(CANARY),)] * 8
    assert "wait already" in caplog.text
    assert "canary" not in caplog.text


async def test_a_closed_desk_estimates_and_starts_nothing() -> None:
    counter = TokenDesk()
    await counter.aclose()
    await counter.aclose()
    assert await counter.count(["one two"]) == (2,)
    assert counter.pid is None


async def test_texts_are_neither_in_the_arguments_nor_in_the_environment() -> None:
    """I-01: texts go by the pipe; nor does the library's process get any secret of ours."""
    async with desk() as counter:
        await counter.count([CANARY])
        arguments, environment, limits = told_of(counter.pid)
    assert b"canary" not in arguments + environment
    assert [each.partition(b"=")[0] for each in environment.split(b"\0") if each] == [b"PYTHONPATH"]
    assert [line.split()[4:6] for line in limits.splitlines() if b"core" in line] == [[b"0", b"0"]]


OWNER = """
import asyncio, sys
from gateway.context.token_desk import TokenDesk

async def main():
    desk = TokenDesk()
    await desk.count(["warm"])
    print(desk.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_the_process_ends_with_its_worker_even_a_killed_one() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert not is_gone(pid)
        owner.kill()
    wait_until(lambda: is_gone(pid))


def test_no_worker_loads_the_vocabulary() -> None:
    program = (
        "import sys, gateway.app, gateway.cli.serve, gateway.context.token_desk\n"
        "print([name for name in sys.modules if 'bpe' in name or name.endswith('tokenizer')])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n"


CUT = """
import io, struct
from gateway.context.tokenizer import serve

whole = struct.pack(">II", 2, 3) + b"abc" + struct.pack(">I", 1) + b"d"
for cut in range(2 * len(whole) + 1):
    answers = io.BytesIO()
    try:
        serve(io.BytesIO((2 * whole)[:cut]), answers, len)
    except EOFError:
        print("early", end=" ")
    print(answers.getvalue().hex())
"""


def test_input_that_ends_early_ends_the_process_without_half_an_answer() -> None:
    told = subprocess.run([sys.executable, "-c", CUT], capture_output=True, text=True, check=True)
    one = struct.pack(">II", 3, 1).hex()
    early, late = ["early "] * 15, [f"early {one}"] * 15
    assert told.stdout.splitlines() == ["", *early, one, *late, one + one]
