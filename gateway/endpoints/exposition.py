"""Writes the metrics of all workers in the format that whoever scrapes them asks for."""

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol, cast

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_LOCK = "lock"


class _Merged(Protocol):
    """What prometheus-client's untyped `merge` is."""

    def __call__(self, files: list[str]) -> Iterable[Metric]: ...


class AllWorkers:
    """The metrics that the workers have left in a directory, as prometheus-client collects them."""

    def __init__(self, metrics_dir: Path) -> None:
        self._dir = metrics_dir

    def collect(self) -> Iterable[Metric]:
        """Return every metric, its samples added up over the workers, the dead ones' included."""
        merge = cast("_Merged", MultiProcessCollector.merge)
        with locked(self._dir, fcntl.LOCK_SH):
            # A worker that has just made its file has not given it a size yet.
            return merge([str(path) for path in self._dir.glob("*.db") if path.stat().st_size])


@contextmanager
def locked(metrics_dir: Path, how: int) -> Iterator[None]:
    """Hold the lock of a metrics directory: shared to read, exclusive to move counts about.

    `how` is LOCK_SH or LOCK_EX of `fcntl`. Blocks, so keep it out of the event loop.
    """
    with (metrics_dir / _LOCK).open("ab") as file:
        fcntl.flock(file, how)
        yield


def render(metrics_dir: Path, accept: str) -> tuple[bytes, str]:
    """Return the metrics and their content type. `accept` is the header of the scrape.

    Takes tens of milliseconds for thousands of series: call it in a thread.
    """
    workers = AllWorkers(metrics_dir)
    if wants_openmetrics(accept):
        return bytes(generate_openmetrics(workers)), OPENMETRICS  # type: ignore[no-untyped-call]
    return generate_latest(workers), TEXT


def wants_openmetrics(accept: str) -> bool:
    """Whether a scrape asks for OpenMetrics rather than for Prometheus' own text format."""
    weights = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for entry in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        if kind in weights:
            weights[kind] = max(weights[kind], _weight(parameters))
    openmetrics, text = weights.values()
    return openmetrics > 0 and openmetrics >= text


def _weight(parameters: Iterable[str]) -> float:
    """Return the `q` of an entry of Accept (RFC 9110, 12.4.2); one that cannot be read is 0."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
