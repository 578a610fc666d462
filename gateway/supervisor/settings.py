"""What `gateway serve` asks of the parent, and what the parent reports back."""

from collections.abc import Sequence

from msgspec import Struct


class Listen(Struct, frozen=True):
    """An address to listen on; port 0 lets the system choose."""

    host: str = "127.0.0.1"
    port: int = 8080
    name: str = "main"


class ChildSpec(Struct, frozen=True):
    """A further process that lives as long as the gateway: a Python module with arguments.

    It is started before the workers, started again if it ends, and stopped after them.
    `wait_for` is an address it must accept connections at before the workers start.
    """

    name: str
    module: str
    args: Sequence[str] = ()
    wait_for: tuple[str, int] | None = None


class ServeSettings(Struct, frozen=True):
    """Everything `run` needs. `store_url` None: the embedded store. Durations are seconds.

    A worker that is not ready within `start_limit_s`, or silent for `hang_limit_s`, is replaced.
    """

    data_dir: str
    config_path: str | None = None
    store_url: str | None = None
    listeners: tuple[Listen, ...] = (Listen(),)
    workers: int = 1
    app: str = "gateway.app:create_app"
    drain_notice_s: float = 3.0
    drain_limit_s: float = 120.0
    tls_cert: str | None = None
    tls_key: str | None = None
    extra: tuple[ChildSpec, ...] = ()
    start_limit_s: float = 60.0
    hang_limit_s: float = 30.0

    def __repr__(self) -> str:
        # The store's URL may hold a password.
        return f"ServeSettings({self.data_dir!r}, {self.workers} workers)"


class Ready(Struct, frozen=True):
    """Every worker serves: where, and who they are. Ports are the real ones."""

    addresses: tuple[Listen, ...]
    parent_pid: int
    worker_pids: tuple[int, ...]
    store_url: str
