"""The composition root of a worker: builds every object once, and owns their beginning and end."""

import asyncio
import logging
import os
from collections.abc import Callable, MutableMapping
from contextlib import AsyncExitStack
from pathlib import Path

from starlette.types import Receive, Scope, Send

from gateway import metrics
from gateway.accounting.day_totals import booking_rules
from gateway.accounting.ledger import Ledger, open_ledger
from gateway.assembly import Parts, assemble
from gateway.catalogue.lookup import Catalogue
from gateway.config.load import load
from gateway.config.reload import reload
from gateway.config.schema import Config, Fsync
from gateway.config.snapshot import Snapshot, Snapshots, compile_config
from gateway.config.system_clock import SystemClock
from gateway.config.worker import AsgiCallable, WorkerSettings
from gateway.context.counting import TokenCounter
from gateway.context.token_desk import TokenDesk
from gateway.endpoints.drains import Drains
from gateway.endpoints.edge import Edge
from gateway.endpoints.log import configure_logging
from gateway.endpoints.services import Services
from gateway.endpoints.table import ROUTES
from gateway.errors import ConfigError, ConfigFaults
from gateway.identity.call_watch import CallWatch
from gateway.identity.key_settings import allow_rules
from gateway.privacy.jobs import Jobs
from gateway.privacy.retention import RetentionSweep
from gateway.store.base import Store
from gateway.store.client import RedisStore, connect
from gateway.store.schema import ensure_schema
from gateway.store.server_files import files_of
from gateway.types.clock import Clock
from gateway.upstream.connections import Connections
from gateway.vault.keeper import RingKeeper
from gateway.vault.key_files import key_sources

_SETTLE_S = 5.0
_STORE_RETRY_S = 1.0
_KEY_GRACE_S = 60.0  # beyond what a request may take, and an account be trusted without the store

log = logging.getLogger("gateway.app")


class App:
    """One worker's application. `start` builds what needs the store; the lifespan runs it."""

    def __init__(
        self,
        settings: WorkerSettings,
        snapshot: Snapshot,
        clock: Clock,
        token_counter: TokenCounter | None = None,
    ) -> None:
        self._settings = settings
        self._snapshots = Snapshots(snapshot)
        self._clock = clock
        self._token_counter = token_counter
        self._draining = False
        self._connections = Connections(snapshot, clock, allow_rules(snapshot))
        self._longest_s = snapshot.config.timeouts.total_s
        self._keeper: RingKeeper | None = None
        self._drains: Drains | None = None
        self._edge: Edge | None = None
        self._closing = AsyncExitStack()
        self._note_config(snapshot)

    @property
    def asgi(self) -> AsgiCallable:
        """The ASGI application."""
        return self._serve

    def begin_drain(self) -> None:
        """Readiness is false from now on; requests go on being served, but not for nobody."""
        self._draining = True
        if self._drains is not None:
            self._drains.cut()

    async def reload(self) -> None:
        """Read the configuration and the key ring again.

        A bad one of the two changes nothing of it and says why in the log.
        """
        await self._reload_config()
        if self._keeper is not None:
            await self._keeper.reload()

    async def _reload_config(self) -> None:
        path = config_path(self._settings)
        try:
            snapshot = await asyncio.to_thread(reload, self._snapshots, path)
        except ConfigFaults as faults:
            metrics.CONFIG_FAILURES.inc()
            for fault in faults.faults:
                log.error("reload refused: %s", fault)  # noqa: TRY400  # said to an operator
            return
        # Requests in flight go on under the limit they began with.
        self._longest_s = max(self._longest_s, snapshot.config.timeouts.total_s)
        self._connections.allow(allow_rules(snapshot))
        metrics.CONFIG_RELOADS.inc()
        self._note_config(snapshot)
        log.info("reloaded", extra={"fields": {"config": snapshot.hash[:12]}})

    async def start(self) -> None:
        """Connect the store, open the keys, build the services. Raises ConfigError."""
        closing = self._closing
        closing.push_async_callback(self._connections.aclose)
        store = await self._connect()
        keeper = self._keeper = self._key_keeper(store)
        closing.push_async_callback(keeper.aclose)
        unlocked = await keeper.open(process_environment())
        for notice in unlocked.notices:
            log.warning("%s", notice)
        ledger = self._open_ledger(store)
        parts = Parts(
            snapshots=self._snapshots,
            clock=self._clock,
            store=store,
            keys=unlocked.keys,
            keeper=keeper,
            connections=self._connections,
            ledger=ledger,
            token_counter=self._token_counter or self._token_desk(),
            metrics_dir=Path(self._settings.metrics_dir),
            draining=lambda: self._draining,
        )
        services = assemble(parts)
        self._drains = services.drains
        closing.push_async_callback(services.drains.aclose)
        closing.push_async_callback(services.wear.aclose)
        closing.push_async_callback(services.model_lists.aclose)
        self._edge = Edge(services, ROUTES)
        self._start_jobs(services)
        metrics.begin_worker()

    async def stop(self) -> None:
        """End the jobs, book what is still to be booked, then let go of every connection."""
        await self._closing.aclose()

    async def _connect(self) -> RedisStore:
        timeout_s = self._snapshots.current.config.store.timeout_s
        store = await connect(self._settings.store_url, timeout_s=timeout_s)
        self._closing.push_async_callback(store.aclose)
        while not store.healthy:
            log.warning("waiting for the store at %s", store.address.shown)
            await asyncio.sleep(_STORE_RETRY_S)
        await ensure_schema(store)
        return store

    def _key_keeper(self, store: RedisStore) -> RingKeeper:
        config = self._snapshots.current.config
        return key_keeper(
            store,
            config,
            Path(self._settings.data_dir),
            self._clock,
            f"worker {self._settings.worker_id}",
            lambda: self._longest_s + config.store.trust_cached_s + _KEY_GRACE_S,
        )

    def _open_ledger(self, store: RedisStore) -> Ledger:
        """Open a spool of our own, and let it be brought to the store for as long as we live."""
        snapshots = self._snapshots
        ledger = open_ledger(
            Path(self._settings.data_dir) / "spool",
            self._settings.worker_id,
            store,
            self._clock,
            lambda: booking_rules(snapshots.current.config),
            always_flush=snapshots.current.config.ledger.fsync is Fsync.ALWAYS,
        )
        jobs = Jobs()
        self._closing.callback(ledger.aclose)
        self._closing.push_async_callback(jobs.aclose)
        self._closing.push_async_callback(ledger.settled, _SETTLE_S)
        jobs.start("ledger", ledger.run())
        return ledger

    def _token_desk(self) -> TokenDesk:
        desk = TokenDesk()
        self._closing.push_async_callback(desk.aclose)
        return desk

    def _start_jobs(self, services: Services) -> None:
        store, clock = services.store, self._clock
        forget = (
            services.accounts.forget,
            services.model_lists.forget_user,
            self._connections.tokens.forget_user,
        )
        watch = CallWatch(store, services.accounts, services.open_calls, clock, forget)
        is_embedded = self._snapshots.current.config.store.is_embedded
        files = files_of(Path(self._settings.data_dir).resolve()) if is_embedded else None
        sweep = RetentionSweep(store, lambda: self._snapshots.current.kinds, clock)
        jobs = Jobs()
        self._closing.push_async_callback(jobs.aclose)
        jobs.start("calls", watch.run())
        jobs.start("erasures", services.privacy.storage_job(files).run())
        jobs.start("retention", sweep.run())

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
            await self.stop()
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


def key_keeper(  # all that differs between a worker and a command
    store: Store,
    config: Config,
    data_dir: Path,
    clock: Clock,
    who: str,
    grace_s: Callable[[], float],
) -> RingKeeper:
    """Return the keeper of this process's key ring, to be opened. `who` is said to operators."""
    called = f"{who} of {data_dir} on {os.uname().nodename} (pid {os.getpid()})"
    return RingKeeper(store, key_sources(config.keys, data_dir), clock, called, grace_s)


def process_environment() -> MutableMapping[str, str]:
    """Return our variables, handed on so that a key read from one can be taken out of it."""
    return os.environ  # noqa: TID251  # see above
