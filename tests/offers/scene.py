"""A user with keys over a real store, and a transport that answers from a table and counts."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct

from gateway.config.snapshot import Snapshot
from gateway.errors import UpstreamError
from gateway.identity.account import Account
from gateway.identity.changes import NewUser, UserChange
from gateway.identity.key_settings import OWN_ENDPOINT, EndpointRules
from gateway.identity.provider_keys import KeyChange, Offer
from gateway.offers.asking import Asker, Inquiry
from gateway.offers.doors import door_of_key, usable_doors
from gateway.types.upstream import ReplyHead, UpstreamRequest
from gateway.upstream.addresses import AllowRule
from gateway.upstream.exchange import TokenExchange
from gateway.upstream.transport import Reply, Timeouts, Transport
from tests.identity.scene import Scene

LOOPBACK = EndpointRules(allow_http=True, allowed=(AllowRule.parse("127.0.0.1/32:*"),))
SECRET = "sk-test-0123456789abcdefWXYZ"


def models(*names: str) -> bytes:
    """The reply of a provider that lists these."""
    return orjson.dumps({"object": "list", "data": [{"id": name} for name in names]})


class Page(Struct):
    """What a URL answers; `gate` is waited for first, where there is one."""

    body: bytes = b""
    status: int = 200
    error: UpstreamError | None = None
    gate: asyncio.Event | None = None


class TableTransport:
    """Answers by URL and keeps every request it was asked to send."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self.pages = dict(pages)
        self.sent: list[UpstreamRequest] = []

    @property
    def urls(self) -> list[str]:
        return [request.url for request in self.sent]

    async def send(self, request: UpstreamRequest, *, trusted: bool, timeouts: Timeouts) -> Reply:
        self.sent.append(request)
        page = self.pages[request.url]
        if page.gate is not None:
            await page.gate.wait()
        if page.error is not None:
            raise page.error
        return WholeReply(page)

    async def aclose(self) -> None:
        return


class WholeReply:
    """A reply in one piece."""

    def __init__(self, page: Page) -> None:
        self.head = ReplyHead(page.status, {"content-type": "application/json"})
        self._left = [page.body]

    async def read(self) -> bytes:
        return self._left.pop() if self._left else b""

    async def aclose(self) -> None:
        self._left.clear()


async def make_account(
    scene: Scene, snapshot: Snapshot, keys: Mapping[str, KeyChange], **preferences: Any
) -> Account:
    """Make a user with these keys; `own` makes one for an endpoint of theirs."""
    record = await scene.users.create(NewUser())
    for name, change in keys.items():
        await scene.keys.put(record.id, name, change, Offer(snapshot.providers, LOOPBACK))
    if preferences:
        known = {*snapshot.providers, *keys}
        await scene.users.change(record.id, UserChange(preferences=preferences), known)
    return await scene.accounts.load(record.id)


def own(endpoint: str) -> KeyChange:
    """A key for an endpoint of the user's."""
    return KeyChange(type=OWN_ENDPOINT, secret=SECRET, settings={"endpoint": endpoint})


def plain(secret: str = SECRET) -> KeyChange:
    """A key that is a string."""
    return KeyChange(secret=secret)


def asker_of(scene: Scene, transport: Transport, limit_s: float = 5.0) -> Asker:
    """The worker's asker over a transport."""
    tokens = TokenExchange(transport, scene.clock)
    return Asker(scene.keys, transport, tokens, scene.clock, limit_s)


def inquiry_of(account: Account, snapshot: Snapshot, key: str) -> Inquiry:
    """An inquiry with one of the user's keys."""
    return Inquiry(account, snapshot, door_of_key(key, account.view, snapshot).target)


def inquiries_of(account: Account, snapshot: Snapshot) -> list[Inquiry]:
    """An inquiry at each of the user's doors."""
    doors = usable_doors(account.view, snapshot)
    return [Inquiry(account, snapshot, door.target) for door in doors]
