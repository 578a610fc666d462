"""Where workers have tokens counted: a desk in front of the tokenizer's process.

The process is started by the first question, answers one after the other, and is ended once nobody
has asked for a while; its input ends with the worker, and so does it. Where it cannot be had (no
wheel for the platform, no memory, killed again and again) estimates stand in: they are no worse
than the counts of other models' tokenizers are.
"""

import asyncio
import contextlib
import logging
import os
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from gateway.context.estimate import estimate

IDLE_S: Final = 60.0
LIMIT_S: Final = 10.0  # the vocabulary takes a second to load, on a busy machine several
REST_S: Final = 30.0
MOST_WAITING: Final = 64
COMMAND: Final = (sys.executable, "-P", "-m", "gateway.context.tokenizer")
_GRACE_S: Final = 0.5
_MOST_BYTES: Final = 1 << 18  # of a question, so that the answer never fills a pipe first
_MOST_TEXTS: Final = 4_096

log = logging.getLogger("gateway.tokens")


class _Job(Struct, frozen=True):
    texts: Sequence[bytes]
    answer: "asyncio.Future[tuple[int, ...] | None]"  # None: it could not be counted


class TokenDesk:
    """Counts tokens of texts. One a worker; made and used inside its loop, closed with `aclose`.

    `idle_s` after the last question the process is ended; a question waits at most `limit_s`, and
    at most `most_waiting` at a time; after two failures nothing is asked for `rest_s`. `command`
    is the tokenizer's.
    """

    def __init__(
        self,
        *,
        idle_s: float = IDLE_S,
        limit_s: float = LIMIT_S,
        rest_s: float = REST_S,
        most_waiting: int = MOST_WAITING,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._idle_s = idle_s
        self._limit_s = limit_s
        self._rest_s = rest_s
        self._most_waiting = most_waiting
        self._command = command
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._clerk: asyncio.Task[None] | None = None
        self._child: Process | None = None
        self._rest_until = 0.0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process id of the tokenizer, None while there is none."""
        return None if self._child is None else self._child.pid

    async def count(self, texts: Sequence[str]) -> tuple[int, ...]:
        """Return the tokens of each text, in order; estimates where they cannot be counted."""
        if not texts:
            return ()
        counts = await self._ask([text.encode(errors="replace") for text in texts])
        return counts if counts is not None else tuple(map(estimate, texts))

    async def aclose(self) -> None:
        """End the process; who is still waiting gets estimates."""
        self._closed = True
        if self._child is not None:
            _kill(self._child)
        if self._clerk is not None:
            self._jobs.put_nowait(None)
            await asyncio.wait([self._clerk])

    async def _ask(self, texts: Sequence[bytes]) -> tuple[int, ...] | None:
        loop = asyncio.get_running_loop()
        if self._closed or loop.time() < self._rest_until:
            return None
        if self._jobs.qsize() >= self._most_waiting:
            log.warning("tokens are estimated: %d questions wait already", self._most_waiting)
            return None
        if self._clerk is None or self._clerk.done():
            self._clerk = loop.create_task(self._work(), name="token desk")
        job = _Job(texts, loop.create_future())
        self._jobs.put_nowait(job)
        try:
            async with asyncio.timeout(self._limit_s):
                return await job.answer
        except TimeoutError:
            log.warning("tokens are estimated: no answer within %s s", self._limit_s)
            return None

    async def _work(self) -> None:
        """Answer one question after the other. Ends when the desk is closed."""
        try:
            while job := await self._next():
                if job.answer.done():  # whoever asked has gone
                    continue
                counts = await self._count(job.texts)
                if not job.answer.done():
                    job.answer.set_result(counts)
        finally:
            await self._end_child()
            while not self._jobs.empty():
                left = self._jobs.get_nowait()
                if left is not None and not left.answer.done():
                    left.answer.set_result(None)

    async def _next(self) -> _Job | None:
        """Wait for the next question; the process is ended if it takes too long to come."""
        if self._child is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._idle_s):
                    return await self._jobs.get()
            await self._end_child()
        return await self._jobs.get()

    async def _count(self, texts: Sequence[bytes]) -> tuple[int, ...] | None:
        """Ask the process; once more if it died, because that may have been long ago."""
        loop = asyncio.get_running_loop()
        failure = ""
        for _ in range(2):
            if self._closed or loop.time() < self._rest_until:
                return None
            try:
                async with asyncio.timeout(self._limit_s):
                    return await self._exchange(texts)
            except (OSError, EOFError) as error:  # a timeout is an OSError
                failure = type(error).__name__
            await self._end_child()
            if failure == TimeoutError.__name__:
                break
        if not self._closed:
            log.warning("tokens are estimated: the tokenizer failed (%s)", failure)
        self._rest_until = loop.time() + self._rest_s
        return None

    async def _exchange(self, texts: Sequence[bytes]) -> tuple[int, ...]:
        """Raises OSError if there is no process to ask, EOFError if it ends before the answer."""
        if self._child is None:
            self._child = await self._start()
        if self._closed:
            raise EOFError
        asked, answers = self._child.stdin, self._child.stdout
        if asked is None or answers is None:
            raise EOFError
        counts: list[int] = []
        for number, question in _questions(texts):
            asked.write(question)
            await asked.drain()
            answer = await answers.readexactly(4 * number)
            counts += struct.unpack(f">{number}I", answer)
        return tuple(counts)

    async def _start(self) -> Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,  # a traceback of the library's might quote a text
            # What loads others' native code gets none of our secrets, only where modules are.
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            # The terminal's Ctrl-C is not for it: it ends with its input.
            start_new_session=True,
        )

    async def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        # To kill what may have ended by itself would race with whoever waits for its status.
        try:
            async with asyncio.timeout(_GRACE_S):
                await child.wait()
        except TimeoutError:
            _kill(child)
            await child.wait()
        with contextlib.suppress(OSError):
            if child.stdout is not None:
                await child.stdout.read()  # to its end: only then everything of it is closed
            if child.stdin is not None:
                await child.stdin.wait_closed()


def _questions(texts: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Cut texts into questions: how many are in it, and its bytes."""
    frame: list[bytes] = []
    size = 0
    for text in texts:
        if frame and (size + len(text) > _MOST_BYTES or len(frame) == _MOST_TEXTS):
            yield len(frame), _question(frame)
            frame, size = [], 0
        frame.append(text)
        size += len(text)
    if frame:
        yield len(frame), _question(frame)


def _question(texts: Sequence[bytes]) -> bytes:
    parts = [len(texts).to_bytes(4, "big")]
    for text in texts:
        parts += (len(text).to_bytes(4, "big"), text)
    return b"".join(parts)


def _kill(child: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()
