"""A worker's whole application in the test's own process, over a real store, at a time of choice."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from msgspec import Struct

from gateway.app import App
from gateway.catalogue.lookup import Catalogue
from gateway.config.load import load
from gateway.config.snapshot import compile_config
from gateway.config.worker import WorkerSettings
from gateway.context.estimate import estimate
from gateway.identity.admin_tokens import AdminTokens
from gateway.identity.minting import TokenRequest
from gateway.store.client import RedisStore
from gateway.vault.key_ring import read_secret
from tests.canary import CANARIES
from tests.identity.scene import ManualClock

# Tests share two cores with everything else: a slow machine must not look like a dead store.
CONFIG = "store: {timeout_s: 5}\n"
ALL_NEEDS = ("chat", "context:write", "context:read", "account")


class EstimatedTokens:
    """Counts without the tokenizer's process, which would be started for each of these workers."""

    async def count(self, texts: Sequence[str]) -> list[int]:
        return [estimate(text) for text in texts]


class Served(Struct, frozen=True):
    """A worker that serves."""

    client: httpx.AsyncClient
    clock: ManualClock
    admin_token: str

    async def call(
        self, token: str, method: str, path: str, body: Any = None, **options: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"}
        return await self.client.request(method, path, json=body, headers=headers, **options)

    async def new_user(self, allows: Sequence[str] = ALL_NEEDS) -> "ServedUser":
        record = (await self.call(self.admin_token, "POST", "/admin/v1/users", {})).json()
        minted = await self.call(
            self.admin_token,
            "POST",
            f"/admin/v1/users/{record['id']}/tokens",
            {"name": "test", "allows": list(allows)},
        )
        return ServedUser(self, record["id"], CANARIES.watch(minted.json()["token"]))


class ServedUser(Struct, frozen=True):
    """A user of it."""

    served: Served
    id: str
    token: str

    async def call(
        self, method: str, path: str, body: Any = None, **options: Any
    ) -> httpx.Response:
        return await self.served.call(self.token, method, path, body, **options)


@asynccontextmanager
async def serve(
    home: Path, store: RedisStore, url: str, config: str = "", clock: ManualClock | None = None
) -> AsyncIterator[Served]:
    """Run a worker until the end of the `with`. `url` is that of the store."""
    path = home / "gateway.yaml"
    path.write_text(CONFIG + config, encoding="utf-8")
    settings = WorkerSettings(
        worker_id=0,
        workers=1,
        parent_pid=0,
        data_dir=str(home),
        store_url=url,
        metrics_dir=str(home),
        listeners=(),
        config_path=str(path),
    )
    loaded = load(path)
    clock = clock or ManualClock()
    snapshot = compile_config(loaded.config, loaded.secrets, Catalogue.load())
    app = App(settings, snapshot, clock, EstimatedTokens())
    await app.start()
    try:
        pepper = read_secret((home / "keys" / "pepper").read_text(), "keys.pepper")
        admin = await AdminTokens(store, pepper, clock).mint(TokenRequest("test"))
        transport = httpx.ASGITransport(app=app.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield Served(client, clock, CANARIES.watch(admin.token.reveal()))
    finally:
        await app.stop()
