"""Prepares everything a gateway needs around its workers, and takes it down again in order."""

import logging
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from gateway.errors import ConfigError
from gateway.store.embedded import use_embedded
from gateway.store.lock import lock_serving, make_private_dir, serving_pid
from gateway.supervisor.dumps import forbid_core_dumps
from gateway.supervisor.listen import bind
from gateway.supervisor.parent import Parent
from gateway.supervisor.settings import Ready, ServeSettings
from gateway.supervisor.signals import Signals, Stopped
from gateway.supervisor.spawn import Surroundings

METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

log = logging.getLogger("gateway.supervisor")


def run(settings: ServeSettings, on_ready: Callable[[Ready], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status: 0, or 1 with the reason in the log.

    `on_ready` is called once, when every worker serves. Main thread only, for the signals.
    """
    forbid_core_dumps()
    try:
        with ExitStack() as held:
            signals = held.enter_context(Signals())
            data_dir = Path(settings.data_dir)
            held.enter_context(lock_serving(data_dir))
            # Before the store: a port in use should be told at once.
            sockets = bind(settings.listeners)
            held.callback(_close, sockets)
            embedded = None if settings.store_url else use_embedded(data_dir)
            if embedded:
                held.callback(embedded.release)  # the store stops last
            metrics_dir = _empty_metrics_dir(data_dir)
            place = Surroundings(
                sockets,
                settings.store_url or (embedded.url if embedded else ""),
                metrics_dir,
                _environment(metrics_dir),
                embedded,
            )
            return Parent(settings, place, signals, on_ready or _log_ready).run()
    except ConfigError as exc:
        log.error("%s", exc)  # noqa: TRY400  # said to an operator, who needs no traceback
        return 1
    except Stopped:
        return 0


def running_pid(data_dir: Path) -> int | None:
    """Return the pid to send SIGHUP (reload) or SIGTERM to, None if no gateway serves from here."""
    return serving_pid(data_dir)


def _environment(metrics_dir: str) -> Mapping[str, str]:
    """Ours for the children, with the one variable prometheus-client reads when imported."""
    return {**os.environ, METRICS_VARIABLE: metrics_dir}  # noqa: TID251  # inherited, not read


def _empty_metrics_dir(data_dir: Path) -> str:
    """Make the directory of the workers' counters, without those of an earlier run."""
    path = make_private_dir(data_dir / "metrics")
    for old in path.glob("*.db"):
        old.unlink(missing_ok=True)
    return str(path)


def _close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def _log_ready(ready: Ready) -> None:
    for address in ready.addresses:
        log.info("serving on %s:%d", address.host, address.port)
