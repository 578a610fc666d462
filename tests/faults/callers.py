"""Callers of every sort: they read all of an answer or hang up, and are used to broken lines."""

import asyncio
import json
import random
from collections import Counter
from typing import Any, Final

from msgspec import Struct

CALL_LIMIT_S: Final = 40.0

# Model, and whether it may be asked for as a whole answer. `+slow` keeps answers under way for long
# enough to be caught by a kill; the rest are answers that fail, once or for good.
_OPENAI: Final = "openai"
_ANTHROPIC: Final = "anthropic"
_MODELS: Final = (
    "sandbox-echo",
    "sandbox-echo",
    "sandbox-long-12",
    "sandbox-long-40+slow-25",
    "sandbox-long-60+slow-20",
    "sandbox-long-120+slow-15",
    "sandbox-reasoning",
    "sandbox-long-10+late-250",
    "sandbox-long-10+quiet-300",
    "sandbox-500-once",
    "sandbox-503-once",
    "sandbox-429-once-0",
    "sandbox-drop",
    "sandbox-400",
    "sandbox-long-30+slow-10+cut-9",
    "sandbox-long-30+slow-10+error-mid-stream-6",
)
_BROKEN: Final = ("sandbox-503", "sandbox-drop", "sandbox-401")
_LONG_PROMPT: Final = "What is known of the matter at hand is told again and again. " * 90


class Plea(Struct, frozen=True):
    """One request, and when its caller hangs up: after so many pieces, or so many seconds."""

    token: str
    body: dict[str, Any]
    leave_after: int | None = None
    leave_s: float | None = None


class Callers:
    """Makes requests without an end, each from a caller of its own, until told to stop."""

    def __init__(self, port: int, tokens: list[str], seed: int) -> None:
        self._port = port
        self._tokens = tokens
        self._chance = random.Random(seed)
        self.sent = 0
        self.completed: set[str] = set()
        self.outcomes: Counter[str] = Counter()

    async def run(self, until: asyncio.Event, callers: int) -> None:
        """Keep so many callers busy; returns when the last has ended."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(callers):
                tasks.create_task(self._call_until(until))

    async def _call_until(self, until: asyncio.Event) -> None:
        while not until.is_set():
            self.sent += 1
            plea = self._next_plea()
            try:
                async with asyncio.timeout(CALL_LIMIT_S):
                    outcome = await self._make(plea)
            except (OSError, EOFError, ValueError) as error:
                outcome = type(error).__name__
                await asyncio.sleep(0.05)  # nobody may be listening
            self.outcomes[outcome] += 1
            if outcome in ("500", "503"):
                await asyncio.sleep(0.1)

    def _next_plea(self) -> Plea:
        chance = self._chance
        provider = chance.choice((_OPENAI, _ANTHROPIC))
        options: dict[str, Any] = {"on_disconnect": chance.choice(("cancel", "drain"))}
        model = chance.choice(_MODELS)
        if chance.random() < 0.12:
            other = _ANTHROPIC if provider == _OPENAI else _OPENAI
            model = chance.choice(_BROKEN)
            options["fallbacks"] = [f"{other}/sandbox-long-20+slow-10"]
        text = "Tell me. " * chance.randint(1, 30)
        if chance.random() < 0.1:
            text = _LONG_PROMPT
        body: dict[str, Any] = {
            "model": f"{provider}/{model}",
            "messages": [{"role": "user", "content": text}],
            "stream": chance.random() < 0.7,
            "gateway": options,
        }
        leave_after = chance.randint(0, 25) if body["stream"] and chance.random() < 0.25 else None
        leave_s = chance.uniform(0, 0.8) if chance.random() < 0.08 else None
        return Plea(chance.choice(self._tokens), body, leave_after, leave_s)

    async def _make(self, plea: Plea) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(_request(plea))
            async with asyncio.timeout(plea.leave_s):
                return await self._read(reader, plea)
        except TimeoutError:
            if plea.leave_s is None:
                raise
            return "hung up"
        finally:
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader, plea: Plea) -> str:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, request_id = head[9:12], _header(head, "x-request-id")
        if "transfer-encoding: chunked" not in head:
            await reader.readexactly(int(_header(head, "content-length") or 0))
            is_whole = True
        else:
            is_whole, last, pieces = False, b"", 0
            while size := int(await reader.readuntil(b"\r\n"), 16):
                last = (await reader.readexactly(size + 2))[:-2]
                is_whole = is_whole or b"data: [DONE]" in last
                if pieces == plea.leave_after:
                    return "hung up"
                pieces += 1
            await reader.readexactly(2)
        if status == "200" and is_whole and request_id:
            self.completed.add(request_id)
        return status if is_whole else "broke off"


def _header(head: str, name: str) -> str:
    return head.partition(f"\r\n{name}: ")[2].partition("\r\n")[0]


def _request(plea: Plea) -> bytes:
    body = json.dumps(plea.body).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
        f"authorization: Bearer {plea.token}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
