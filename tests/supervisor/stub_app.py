"""The smallest application a worker can serve; files in the data directory are its switches."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

from gateway.config.worker import AsgiCallable, WorkerSettings
from gateway.errors import ConfigError
from tests.supervisor.dumpable import dumpable


class StubApp:
    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.home = Path(settings.data_dir)
        self.reloads = 0
        self.draining = False

    @property
    def asgi(self) -> AsgiCallable:
        return self.answer

    async def reload(self) -> None:
        self.reloads += 1

    def begin_drain(self) -> None:
        self.draining = True

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send, fails=(self.home / "no-start").exists())
            return
        if scope["path"] == "/hang":
            time.sleep(600)  # noqa: ASYNC251  # blocks the loop: that is the fault under test
        elif scope["path"] == "/stream":
            await self.stream(send)
        elif scope["path"] == "/ready":
            await reply(send, 503 if self.draining else 200, {})
        else:
            await reply(send, 200, self.describe(scope))

    def describe(self, scope: Any) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "worker_id": self.settings.worker_id,
            "reloads": self.reloads,
            "port": scope["server"][1],
            "metrics_dir": os.environ.get("PROMETHEUS_MULTIPROC_DIR"),
            "store_url": self.settings.store_url,
            "dumpable": dumpable(),
        }

    async def stream(self, send: Any) -> None:
        """Send a first chunk, and the last one when the file `finish` appears."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        while not (self.home / "finish").exists():  # noqa: ASYNC110  # another process makes it
            await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": b"last"})


async def live(receive: Any, send: Any, *, fails: bool) -> None:
    await receive()
    if fails:
        await send({"type": "lifespan.startup.failed", "message": "told to fail"})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def reply(send: Any, status: int, body: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def create_app(settings: WorkerSettings) -> StubApp:
    """Build the application, unless a file says how to fail."""
    home = Path(settings.data_dir)
    if (home / "bad-config").exists():
        raise ConfigError("the stub was told to refuse its configuration", "stub.path")
    if (home / "crash").exists():
        os._exit(9)
    return StubApp(settings)
