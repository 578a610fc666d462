"""Testing a key: what its owner is told, and what nobody can learn from it (C-20)."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from gateway.errors import Failure, GatewayError, NotFound, RecordIntegrity, UpstreamError
from gateway.identity.account import Account
from gateway.identity.provider_keys import KeyChange
from gateway.offers.asking import Asker
from gateway.offers.key_check import KeyReport, check_key
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.types.upstream import UpstreamRequest
from gateway.upstream.addresses import AllowRule
from gateway.upstream.exchange import TokenExchange
from gateway.upstream.httpx_transport import HttpxTransport
from gateway.upstream.transport import Reply, Timeouts
from tests.fakes.raw_scenes import answering, closing, play, reading, reply, sending
from tests.fakes.raw_upstream import RawUpstream, Scene as RawScene, serve_raw
from tests.identity.scene import Scene, make_scene
from tests.offers.scene import (
    SECRET,
    Page,
    TableTransport,
    asker_of,
    make_account,
    models,
    own,
    plain,
)
from tests.routing.scenes import configured
from tests.upstream.scenes import FOR_LOOPBACK, SystemClock, make_dialer

OPENAI_LIST = "https://api.openai.com/v1/models"
SNAPSHOT = configured({"endpoints": {"allow_http": True}})
LIMIT_S = 0.3


class SlowTransport(TableTransport):
    """Lets time pass before each answer."""

    def __init__(self, scene: Scene, seconds: float) -> None:
        super().__init__({OPENAI_LIST: Page(models("gpt-4o", "gpt-4"))})
        self.scene, self.seconds = scene, seconds

    async def send(self, request: UpstreamRequest, *, trusted: bool, timeouts: Timeouts) -> Reply:
        self.scene.clock.pass_s(self.seconds)
        return await super().send(request, trusted=trusted, timeouts=timeouts)


async def health(scene: Scene, account: Account, name: str) -> str:
    listed = await scene.keys.list_keys(account.record.id)
    return {key.name: key.health for key in listed}[name]


async def check(
    scene: Scene, page: Page, keys: dict[str, KeyChange] | None = None, name: str = "openai"
) -> tuple[KeyReport, Account]:
    """Test a key against one answer, whatever is asked for."""
    account = await make_account(scene, SNAPSHOT, keys or {"openai": plain()})

    class OnePage(TableTransport):
        async def send(
            self, request: UpstreamRequest, *, trusted: bool, timeouts: Timeouts
        ) -> Reply:
            self.pages = {request.url: page}
            return await super().send(request, trusted=trusted, timeouts=timeouts)

    return await check_key(asker_of(scene, OnePage({})), account, SNAPSHOT, name), account


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.0, 100), (0.04, 100), (0.099, 100), (0.101, 200), (0.23, 300)]
)
async def test_a_good_key_is_told_with_its_latency_rounded_up(
    store: RedisStore, seconds: float, shown: int
) -> None:
    scene = make_scene(store)
    account = await make_account(scene, SNAPSHOT, {"openai": plain()})
    asker = asker_of(scene, SlowTransport(scene, seconds))
    report = await check_key(asker, account, SNAPSHOT, "openai")
    assert report.error is None
    assert report.latency_ms == shown
    assert [model.id for model in report.models or ()] == ["gpt-4o", "gpt-4"]
    assert await health(scene, account, "openai") == "ok"


async def test_a_refused_key_is_the_users_to_mend(store: RedisStore) -> None:
    scene = make_scene(store)
    body = b'{"error": {"message": "Incorrect API key provided: ' + SECRET.encode() + b'"}}'
    report, account = await check(scene, Page(body, 401))
    assert told(report) == ("provider_key_rejected", "user_key")
    assert report.error is not None
    assert SECRET not in report.error.message
    assert await health(scene, account, "openai") == "rejected"


async def test_a_new_test_overrules_what_was_noted_before(store: RedisStore) -> None:
    scene = make_scene(store)
    account = await make_account(scene, SNAPSHOT, {"openai": plain()})
    asker = asker_of(scene, TableTransport({OPENAI_LIST: Page(models("a"))}))
    other_worker = make_scene(store, scene.clock)
    for checked in range(2):
        await check_key(asker, account, SNAPSHOT, "openai")
        assert await health(scene, account, "openai") == "ok", checked
        await other_worker.keys.note_use(account.record.id, "openai", "rejected", always=True)


@pytest.mark.parametrize(
    ("page", "code", "origin"),
    [
        (Page(b'{"error": {"message": "slow down"}}', 429), "rate_limit_exceeded", "provider"),
        (Page(b"{}", 503), "upstream_error", "provider"),
        (Page(b"<html>", 200), "upstream_error", "provider"),
        (Page(b'{"error": {"message": "no"}}', 200), "upstream_error", "provider"),
        (Page(error=UpstreamError(Failure.UNREACHABLE, "")), "upstream_error", "provider"),
        (Page(error=UpstreamError(Failure.TIMEOUT, "")), "upstream_timeout", "provider"),
    ],
)
async def test_other_failures_say_nothing_of_the_keys_health(
    store: RedisStore, page: Page, code: str, origin: str
) -> None:
    scene = make_scene(store)
    report, account = await check(scene, page)
    assert told(report) == (code, origin)
    assert await health(scene, account, "openai") == "unknown"


@pytest.mark.parametrize("body", [b"[]", b'{"data": {"label": "sk"}}'])
async def test_a_probe_that_is_no_list_has_no_number_of_models(
    store: RedisStore, body: bytes
) -> None:
    report, _ = await check(make_scene(store), Page(body), {"openrouter": plain()}, "openrouter")
    assert (report.error, report.models) == (None, None)


async def test_a_key_that_is_not_there_is_not_found(store: RedisStore) -> None:
    with pytest.raises(NotFound):
        await check(make_scene(store), Page(), name="groq")


async def test_a_key_of_a_provider_that_was_switched_off_is_told_so(store: RedisStore) -> None:
    scene = make_scene(store)
    account = await make_account(scene, SNAPSHOT, {"groq": plain()})
    without = configured({"providers": {"groq": {"enabled": False}}})
    report = await check_key(asker_of(scene, TableTransport({})), account, without, "groq")
    assert told(report) == ("not_allowed_by_policy", "policy")


async def test_the_key_that_is_named_is_the_one_tested(store: RedisStore) -> None:
    scene = make_scene(store)
    keys = {
        "openai": plain("sk-first-0123456789"),
        "work": KeyChange("openai", "sk-work-012345678"),
    }
    account = await make_account(scene, SNAPSHOT, keys)
    transport = TableTransport({OPENAI_LIST: Page(models("a"))})
    await check_key(asker_of(scene, transport), account, SNAPSHOT, "work", (("x-id", "1"),))
    headers = dict(transport.sent[0].headers)
    assert (headers["authorization"], headers["x-id"]) == ("Bearer sk-work-012345678", "1")
    assert await health(scene, account, "work") == "ok"
    assert await health(scene, account, "openai") == "unknown"


async def test_a_settings_change_behind_our_back_sends_the_secret_nowhere(
    store: RedisStore,
) -> None:
    scene = make_scene(store)
    account = await make_account(scene, SNAPSHOT, {"home": own("https://home.example/v1")})
    info = account.keys["home"]
    moved = msgspec.structs.replace(info, settings={"endpoint": "https://evil.example/v1"})
    account = msgspec.structs.replace(account, keys={"home": moved})
    transport = TableTransport({})
    report = await check_key(asker_of(scene, transport), account, SNAPSHOT, "home")
    assert told(report) == ("provider_key_missing", "user_key")
    assert transport.sent == []


async def test_a_key_that_does_not_open_is_an_integrity_fault(store: RedisStore) -> None:
    scene = make_scene(store)
    account = await make_account(scene, SNAPSHOT, {"openai": plain()})
    await store.run("DEL", names.user_deks(account.record.id))
    account = await scene.accounts.load(account.record.id)
    with pytest.raises(RecordIntegrity):
        await check_key(asker_of(scene, TableTransport({})), account, SNAPSHOT, "openai")


# --- C-20: no port scanner ---------------------------------------------------------------------


def told(report: KeyReport) -> tuple[str, str]:
    assert isinstance(report.error, GatewayError)
    return report.error.code, report.error.origin.value


def hanging() -> RawScene:
    return play(reading())


HIDDEN: dict[str, Callable[[], RawScene]] = {
    "silent": hanging,
    "no_http": lambda: play(sending(b"SSH-2.0-OpenSSH_9.9\r\n")),
    "hangs_up": lambda: play(closing()),
    "hangs_up_late": lambda: play(reading(), closing()),
    "cut": lambda: play(reading(), sending(reply(b"{", length=9)), closing()),
    "website": lambda: answering(reply(b"<html>welcome</html>")),
    "redirect": lambda: answering(reply(status=302, headers=[("location", "http://10.0.0.1/")])),
}


@asynccontextmanager
async def real_asker(
    scene: Scene, allowed: tuple[AllowRule, ...] = FOR_LOOPBACK
) -> AsyncIterator[Asker]:
    """An asker on real sockets, which may connect where `allowed` says."""
    dialer = make_dialer(allowed=allowed)
    transport = HttpxTransport.dialled(dialer, SystemClock())
    tokens = TokenExchange(transport, SystemClock())
    try:
        yield Asker(scene.keys, transport, tokens, SystemClock(), LIMIT_S)
    finally:
        await transport.aclose()
        await dialer.aclose()


async def look(asker: Asker, scene: Scene, url: str) -> tuple[str, str, str, bool]:
    """Test a key at an address: what is said, and whether the whole limit was taken for it."""
    account = await make_account(scene, SNAPSHOT, {"home": own(url)})
    began = time.monotonic()
    report = await check_key(asker, account, SNAPSHOT, "home")
    took = time.monotonic() - began
    assert report.error is not None
    return (*told(report), report.error.message, took >= LIMIT_S)


async def test_open_closed_silent_and_forbidden_addresses_look_the_same(store: RedisStore) -> None:
    scene = make_scene(store)
    seen = {}
    async with AsyncExitStack() as stack:
        asker = await stack.enter_async_context(real_asker(scene))
        for name, make in HIDDEN.items():
            upstream: RawUpstream = await stack.enter_async_context(serve_raw(make()))
            seen[name] = await look(asker, scene, f"{upstream.url}/v1")
            assert upstream.opened == 1, name
        closed = "http://127.0.0.1:1/v1"
        seen["closed"] = await look(asker, scene, closed)
        walled = await stack.enter_async_context(real_asker(scene, allowed=()))
        upstream = await stack.enter_async_context(serve_raw(answering(reply(models("a")))))
        seen["forbidden"] = await look(walled, scene, f"{upstream.url}/v1")
        assert upstream.opened == 0
    assert len(set(seen.values())) == 1, seen
    code, origin, _, took_it_all = seen["closed"]
    assert (code, origin, took_it_all) == ("upstream_error", "provider", True)


async def test_an_endpoint_that_answers_like_an_api_is_told_at_once(store: RedisStore) -> None:
    scene = make_scene(store)
    async with real_asker(scene) as asker, serve_raw(answering(reply(models("a", "b")))) as good:
        account = await make_account(scene, SNAPSHOT, {"home": own(f"{good.url}/v1")})
        report = await check_key(asker, account, SNAPSHOT, "home")
        assert report.error is None
        assert len(report.models or ()) == 2
        assert good.requests[0].header("authorization") == f"Bearer {SECRET}"
    async with real_asker(scene) as asker, serve_raw(answering(reply(b"{}", status=401))) as bad:
        account = await make_account(scene, SNAPSHOT, {"home": own(f"{bad.url}/v1")})
        report = await check_key(asker, account, SNAPSHOT, "home")
        assert told(report) == ("provider_key_rejected", "user_key")
