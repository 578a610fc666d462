"""Every Prometheus metric, defined once. Label sets are closed: nothing user-level becomes a label.

In a worker the supervisor has set PROMETHEUS_MULTIPROC_DIR before this module is imported, because
prometheus-client reads it at import; every process then writes its own files and any worker can
answer for all of them.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_LATENCY_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_OVERHEAD_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)

REQUESTS = Counter(
    "gateway_requests",
    "Requests answered, by route, status and whose fault an error was (none for success).",
    ("route", "status", "origin"),
)
REQUEST_SECONDS = Histogram(
    "gateway_request_duration_seconds",
    "Time from the request's head to the last byte of the answer.",
    ("route",),
    buckets=_LATENCY_S,
)
OVERHEAD_SECONDS = Histogram(
    "gateway_overhead_seconds",
    "Time spent in the gateway itself before the upstream answered: total less upstream waits.",
    buckets=_OVERHEAD_S,
)
FIRST_TOKEN_SECONDS = Histogram(
    "gateway_time_to_first_token_seconds",
    "Time from the request's head to the first meaningful event of the answer.",
    ("provider",),
    buckets=_LATENCY_S,
)
ATTEMPTS = Counter(
    "gateway_attempts",
    "Sends to a provider, by what they met (ok, or the failure).",
    ("provider", "outcome"),
)
ATTEMPT_SECONDS = Histogram(
    "gateway_upstream_duration_seconds",
    "Time from sending to the end of the provider's answer.",
    ("provider",),
    buckets=_LATENCY_S,
)
TOKENS = Counter(
    "gateway_tokens",
    "Tokens booked, by usage bucket.",
    ("provider", "model", "bucket"),
)
COST_DOLLARS = Counter(
    "gateway_cost_dollars",
    "Cost booked, in US dollars.",
    ("provider", "model"),
)
ROWS = Counter(
    "gateway_ledger_rows",
    "Ledger rows booked, by how their numbers came about.",
    ("provider", "certainty"),
)
ROWS_FAILED = Counter(
    "gateway_ledger_rows_failed",
    "Ledger rows that the store did not take.",
)
UNPRICED = Counter(
    "gateway_unpriced_requests",
    "Rows booked without a known price.",
    ("provider",),
)
IN_FLIGHT = Gauge(
    "gateway_requests_in_flight",
    "Requests being answered now.",
    multiprocess_mode="livesum",
)
CONFIG_LOADED = Gauge(
    "gateway_config_last_load_timestamp_seconds",
    "When the active configuration was loaded (Unix time).",
    multiprocess_mode="livemostrecent",
)
CONFIG_HASH = Gauge(
    "gateway_config_hash",
    "The first 48 bits of the active configuration's hash, as a number: equal on equal configs.",
    multiprocess_mode="livemostrecent",
)
CONFIG_FAILURES = Counter(
    "gateway_config_reload_failures",
    "Reloads refused because the new configuration had faults.",
)
INTEGRITY_FAILURES = Counter(
    "gateway_record_integrity_failures",
    "Sealed records that did not open: altered, moved, or sealed under another key.",
)
CONTEXT_TOKENS = Counter(
    "gateway_context_tokens",
    "Tokens of personal context sent, by scope.",
    ("provider", "scope"),
)


def render() -> bytes:
    """Return the metrics of all workers in the Prometheus text format."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
