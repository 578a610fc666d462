"""The shape of the config file: one struct per section, every key with its default.

`config/README.md` explains every key and `config/gateway.yaml` shows it; a test keeps the three
together. Units are in the names: `_s` seconds, `_bytes` bytes; anything else is a plain count.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.config.schema_context import ContextConfig
from gateway.config.schema_limits import Limits
from gateway.config.schema_models import ModelsConfig
from gateway.config.schema_prices import PricesConfig
from gateway.config.schema_providers import Positive, ProviderConfig, Timeouts
from gateway.providers.fates import UnsupportedPolicy

Port = Annotated[int, Meta(ge=0, le=65_535)]


class Listeners(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the gateway listens. Port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: Port = 8080


class StoreConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Which store is used: the embedded one where no URL is given, in any of the three ways."""

    url: str | None = None
    url_env: str | None = None
    url_file: str | None = None
    trust_cached_s: Annotated[float, Meta(ge=0, le=3_600)] = 60.0
    timeout_s: Annotated[float, Meta(gt=0, le=5)] = 0.25

    @property
    def is_embedded(self) -> bool:
        """Whether the gateway runs the store itself."""
        return self.url is None and self.url_env is None and self.url_file is None


class KeysConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the deployment's secrets are: key-encrypting keys, tokens' pepper, receipts' key."""

    kek_file: str | None = None
    kek_env: str | None = None
    kek_command: tuple[str, ...] = ()
    pepper_file: str | None = None
    pepper_env: str | None = None
    receipt_file: str | None = None
    receipt_env: str | None = None


class Fsync(StrEnum):
    """When the disk is made to keep what the spool was given; a killed process loses nothing anyhow."""

    INTERVAL = "interval"  # ten times a second: a power cut costs the last moments at most
    ALWAYS = "always"  # before each attempt is sent, and before each answer ends


class LedgerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How long usage is kept: rows for each attempt, and the totals of each day.

    A day's totals outlive the spool segments they were added from, which are kept for 35 days.
    """

    keep_days: Annotated[int, Meta(ge=1, le=3_660)] = 35
    keep_totals_days: Annotated[int, Meta(ge=40, le=3_660)] = 400
    fsync: Fsync = Fsync.INTERVAL


class Retries(Struct, frozen=True, forbid_unknown_fields=True):
    """How often and how patiently a request is tried; `max_attempts` is over all targets."""

    max_attempts: Annotated[int, Meta(ge=1, le=10)] = 3
    backoff_base_s: Positive = 0.5
    backoff_cap_s: Positive = 8.0
    retry_after_cap_s: Annotated[float, Meta(ge=0, le=3_600)] = 60.0


class Stream(Struct, frozen=True, forbid_unknown_fields=True):
    """When a streamed answer is begun without an event, and how often it is kept alive."""

    commit_after_s: Positive = 15.0
    keepalive_s: Positive = 15.0


class EndpointsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Which private servers users may name as their own endpoints: `cidr:port` each."""

    allow: tuple[str, ...] = ()
    allow_http: bool = False


class MediaConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether and how the gateway fetches URLs in messages, for providers that cannot.

    `max_bytes` is for one item, `max_total_bytes` and `timeout_s` for all of a request together.
    """

    fetch: bool = False
    allow_http: bool = False
    max_bytes: Annotated[int, Meta(ge=1_024, le=1 << 28)] = 20 * 1024 * 1024
    max_total_bytes: Annotated[int, Meta(ge=1_024, le=1 << 30)] = 40 * 1024 * 1024
    max_items: Annotated[int, Meta(ge=1, le=1_000)] = 20
    timeout_s: Positive = 10.0


class UpstreamConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How providers are reached."""

    ca_file: str | None = None
    google_token_url: str | None = None


class Drain(Struct, frozen=True, forbid_unknown_fields=True):
    """How a shutdown goes: unready first, then no new requests, then the end."""

    notice_s: Annotated[float, Meta(ge=0, le=3_600)] = 3.0
    limit_s: Annotated[float, Meta(ge=0, le=86_400)] = 120.0


class MetricsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """From which networks `/metrics` may be read without an admin token."""

    allow: tuple[str, ...] = ()


class LoggingConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How much is logged."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class UserDefaults(Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for users who have not chosen, or about whom the operator has said nothing."""

    provider: str | None = None
    default_model: str | None = None
    platform_keys: bool = True


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    listeners: Listeners = Listeners()
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    store: StoreConfig = StoreConfig()
    keys: KeysConfig = KeysConfig()
    providers: Mapping[str, ProviderConfig] = {}
    models: ModelsConfig = ModelsConfig()
    prices: PricesConfig = PricesConfig()
    limits: Limits = Limits()
    ledger: LedgerConfig = LedgerConfig()
    retries: Retries = Retries()
    timeouts: Timeouts = Timeouts()
    stream: Stream = Stream()
    context: ContextConfig = ContextConfig()
    unsupported: UnsupportedPolicy = UnsupportedPolicy.LENIENT
    upstream: UpstreamConfig = UpstreamConfig()
    endpoints: EndpointsConfig = EndpointsConfig()
    media: MediaConfig = MediaConfig()
    drain: Drain = Drain()
    metrics: MetricsConfig = MetricsConfig()
    logging: LoggingConfig = LoggingConfig()
    user_defaults: UserDefaults = UserDefaults()
