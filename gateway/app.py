"""The composition root of a worker: builds every object once, and owns their beginning and end."""

import asyncio
import logging
import os
import random
import ssl
from collections.abc import Callable
from pathlib import Path

from starlette.types import Receive, Scope, Send

from gateway import metrics
from gateway.accounting.ledger import Ledger
from gateway.catalogue.lookup import Catalogue
from gateway.config.load import load
from gateway.config.reload import reload
from gateway.config.schema import Config
from gateway.config.snapshot import Snapshot, Snapshots, compile_config
from gateway.config.system_clock import SystemClock
from gateway.config.worker import AsgiCallable, WorkerSettings
from gateway.context.source import ContextSource
from gateway.endpoints.edge import Edge
from gateway.endpoints.log import configure_logging
from gateway.endpoints.services import Services
from gateway.endpoints.table import ROUTES
from gateway.errors import ConfigError, ConfigFaults
from gateway.identity.accounts import Accounts
from gateway.identity.admin_tokens import AdminTokens
from gateway.identity.audit import AuditLog
from gateway.identity.key_settings import EndpointRules
from gateway.identity.provider_keys import ProviderKeys
from gateway.identity.user_tokens import UserTokens
from gateway.identity.users import Users
from gateway.offers.asking import Asker
from gateway.offers.lists import ModelLists
from gateway.offers.probe_limit import ProbeLimit
from gateway.pursuit import Services as ChatServices
from gateway.store.base import Store
from gateway.store.client import RedisStore, connect
from gateway.store.schema import ensure_schema
from gateway.types.clock import Clock
from gateway.upstream.addresses import AllowRule
from gateway.upstream.dial import Dialer
from gateway.upstream.exchange import GOOGLE_TOKEN_URL, TokenExchange
from gateway.upstream.httpx_transport import HttpxTransport
from gateway.upstream.media import MediaFetcher
from gateway.upstream.resolve import SystemResolver
from gateway.upstream.tls import create_tls_context
from gateway.vault.key_files import key_sources
from gateway.vault.unlock import DeploymentKeys, Unlocked, unlock
from gateway.vault.vault import Vault

_SETTLE_S = 5.0
_STORE_RETRY_S = 1.0

log = logging.getLogger("gateway.app")


class App:
    """One worker's application. `start` builds what needs the store; the lifespan runs it."""

    def __init__(self, settings: WorkerSettings, snapshot: Snapshot, clock: Clock) -> None:
        self._settings = settings
        self._snapshots = Snapshots(snapshot)
        self._clock = clock
        self._draining = False
        self._store: RedisStore | None = None
        self._dialer = Dialer(
            SystemResolver(), tls_context(snapshot), allowed=allow_rules(snapshot)
        )
        self._transport = HttpxTransport.dialled(self._dialer, clock)
        upstream = snapshot.config.upstream
        self._tokens = TokenExchange(
            self._transport, clock, token_url=upstream.google_token_url or GOOGLE_TOKEN_URL
        )
        # Without the exceptions made for users' endpoints: a URL in a message is a stranger's.
        self._media_dialer = Dialer(SystemResolver(), tls_context(snapshot))
        self._media = MediaFetcher(self._media_dialer, clock)
        self._ledger: Ledger | None = None
        self._model_lists: ModelLists | None = None
        self._edge: Edge | None = None
        self._note_config(snapshot)

    @property
    def asgi(self) -> AsgiCallable:
        """The ASGI application."""
        return self._serve

    def begin_drain(self) -> None:
        """Readiness is false from now on; requests go on being served."""
        self._draining = True

    async def reload(self) -> None:
        """Read the configuration again; a bad one changes nothing and says why in the log."""
        path = config_path(self._settings)
        try:
            snapshot = await asyncio.to_thread(reload, self._snapshots, path)
        except ConfigFaults as faults:
            metrics.CONFIG_FAILURES.inc()
            for fault in faults.faults:
                log.error("reload refused: %s", fault)  # noqa: TRY400  # said to an operator
            return
        self._dialer.allow(allow_rules(snapshot))
        self._note_config(snapshot)
        log.info("reloaded", extra={"fields": {"config": snapshot.hash[:12]}})

    async def start(self) -> None:
        """Connect the store, open the keys, build the services. Raises ConfigError."""
        config = self._snapshots.current.config
        self._store = await connect(self._settings.store_url, timeout_s=config.store.timeout_s)
        while not self._store.healthy:
            log.warning("waiting for the store at %s", self._store.address.shown)
            await asyncio.sleep(_STORE_RETRY_S)
        await ensure_schema(self._store)
        unlocked = await open_keys(self._store, config, Path(self._settings.data_dir))
        for notice in unlocked.notices:
            log.warning("%s", notice)
        self._ledger = Ledger(self._store)
        self._edge = Edge(self._build(self._store, self._ledger, unlocked.keys), ROUTES)

    async def stop(self) -> None:
        """Book what is still to be booked, then let go of every connection."""
        if self._ledger is not None:
            await self._ledger.settle(_SETTLE_S)
        if self._model_lists is not None:
            await self._model_lists.aclose()
        await self._tokens.aclose()
        await self._media.aclose()
        await self._transport.aclose()
        await self._media_dialer.aclose()
        await self._dialer.aclose()
        if self._store is not None:
            await self._store.aclose()

    def _build(self, store: RedisStore, ledger: Ledger, keys: DeploymentKeys) -> Services:
        clock = self._clock
        vault = Vault(keys.ring)
        trust_s = self._snapshots.current.config.store.trust_cached_s
        accounts = Accounts(store, keys.pepper, clock, trust_cached_s=trust_s)
        provider_keys = ProviderKeys(store, vault, keys.fingerprint_key, clock)
        context = ContextSource(store, vault)
        asker = Asker(provider_keys, self._transport, self._tokens, clock)
        self._model_lists = ModelLists(asker, clock)
        chat = ChatServices(
            snapshots=self._snapshots,
            provider_keys=provider_keys,
            context=context,
            transport=self._transport,
            tokens=self._tokens,
            media=self._media,
            ledger=ledger,
            clock=clock,
            random=random.random,
        )
        return Services(
            chat=chat,
            store=store,
            snapshots=self._snapshots,
            accounts=accounts,
            admins=AdminTokens(store, keys.pepper, clock),
            users=Users(store, vault, clock),
            tokens=UserTokens(store, keys.pepper, clock),
            provider_keys=provider_keys,
            context=context,
            audit=AuditLog(store, clock),
            asker=asker,
            model_lists=self._model_lists,
            probe_limit=ProbeLimit(store, clock),
            clock=clock,
            endpoint_rules=lambda: endpoint_rules(self._snapshots.current),
            new_request_id=request_ids(clock),
            draining=lambda: self._draining,
            store_healthy=lambda: store.healthy,
        )

    def _note_config(self, snapshot: Snapshot) -> None:
        metrics.CONFIG_HASH.set(int(snapshot.hash[:12], 16))
        metrics.CONFIG_LOADED.set(self._clock.now())

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._edge is not None:
            await self._edge(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except ConfigError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


def create_app(settings: WorkerSettings) -> App:
    """Return the application of one worker. Raises ConfigError for a config that cannot serve."""
    loaded = load(config_path(settings))
    configure_logging(loaded.config.logging.level)
    snapshot = compile_config(loaded.config, loaded.secrets, Catalogue.load())
    return App(settings, snapshot, SystemClock())


def config_path(settings: WorkerSettings) -> Path | None:
    """Return where the config file is, None for the defaults."""
    return Path(settings.config_path) if settings.config_path else None


async def open_keys(store: Store, config: Config, data_dir: Path) -> Unlocked:
    """Read the deployment's keys and check them against the store; the first run makes them.

    Raises ConfigError, StoreAway.
    """
    # The variables are handed on so that a key read from one can be taken out of it.
    return await unlock(store, key_sources(config.keys, data_dir), os.environ)  # noqa: TID251  # see above


def allow_rules(snapshot: Snapshot) -> tuple[AllowRule, ...]:
    """Return the operator's exceptions for users' own endpoints. Raises ConfigError."""
    return tuple(AllowRule.parse(rule) for rule in snapshot.config.endpoints.allow)


def tls_context(snapshot: Snapshot) -> ssl.SSLContext:
    """Return how providers are verified. Raises ConfigError for a CA file that cannot be used."""
    ca_file = snapshot.config.upstream.ca_file
    try:
        return create_tls_context(ca_file)
    except OSError:
        raise ConfigError(f"{ca_file} is no file of PEM certificates", "upstream.ca_file") from None


def endpoint_rules(snapshot: Snapshot) -> EndpointRules:
    """Return what users may name as their own endpoints."""
    return EndpointRules(
        allow_http=snapshot.config.endpoints.allow_http, allowed=allow_rules(snapshot)
    )


def request_ids(clock: Clock) -> Callable[[], str]:
    """Return a maker of request ids: `req_`, 12 hex digits of milliseconds, 20 of chance."""
    return lambda: f"req_{int(clock.now() * 1000):012x}{os.urandom(10).hex()}"
