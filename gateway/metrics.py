"""Every Prometheus metric, defined once. Label sets are closed: nothing user-level becomes a label.

In a worker the supervisor has set PROMETHEUS_MULTIPROC_DIR before this module is imported, because
prometheus-client reads it at import; every process then writes its own files and any worker can
answer for all of them.
"""

from itertools import product

from prometheus_client import Counter, Gauge, Histogram

_LATENCY_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_GAP_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
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
    "Time in the gateway before the first send to a provider, without the client's upload.",
    buckets=_OVERHEAD_S,
)
FIRST_TOKEN_SECONDS = Histogram(
    "gateway_time_to_first_token_seconds",
    "Time from the request's head to the first meaningful event of the answer.",
    ("provider",),
    buckets=_LATENCY_S,
)
CHUNK_GAP_SECONDS = Histogram(
    "gateway_chunk_gap_seconds",
    "Silence of a provider between two pieces of a streamed answer.",
    ("provider",),
    buckets=_GAP_S,
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
RESCUED = Counter(
    "gateway_requests_rescued",
    "Requests that a provider answered after an earlier attempt had failed, there or elsewhere.",
    ("provider",),
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
SPOOL_FAILURES = Counter(
    "gateway_spool_failures",
    "Writes or flushes of the spool that the disk refused; the records wait in memory.",
)
SPOOL_LOST = Counter(
    "gateway_spool_records_lost",
    "Spool records that were never written: the disk refused them until the memory for them ended.",
)
SPOOL_BACKLOG = Gauge(
    "gateway_spool_backlog",
    "Bookings that the store has not taken yet.",
    multiprocess_mode="livesum",
)
SPOOL_REPLAYED = Counter(
    "gateway_spool_rows_replayed",
    "Rows given again to a store that had lost its last moments; those it had are not booked twice.",
)
SPOOL_UNREADABLE = Counter(
    "gateway_spool_unreadable_frames",
    "Pieces of spool files that could not be read and were set aside.",
)
UNPRICED = Counter(
    "gateway_unpriced_requests",
    "Rows whose cost is not that of a known price: unknown (no cost), ceiling or approximate.",
    ("provider", "price_state"),
)
LIMIT_REFUSALS = Counter(
    "gateway_limit_refusals",
    "Requests refused by a limit, by what it counts and whose it is (user, token, feature, all).",
    ("measure", "subject_kind"),
)
LIMITS_UNCHECKED = Counter(
    "gateway_limits_unchecked",
    "Requests whose limits the store could not check, by the policy that decided instead.",
    ("policy",),
)
RESERVATIONS_HELD = Gauge(
    "gateway_reservations_held",
    "Requests that hold a reservation against their limits now.",
    multiprocess_mode="livesum",
)
STORE_FAILURES = Counter(
    "gateway_store_failures",
    "Calls to the store that it did not answer, or that were not sent because it was away.",
)
STORE_EMPTIED = Counter(
    "gateway_store_emptied",
    "Times that a worker found the store emptied or replaced: what only it knew is lost.",
)
WORKERS = Gauge(
    "gateway_workers",
    "Workers that serve.",
    multiprocess_mode="livesum",
)
WORKER_STARTS = Counter(
    "gateway_worker_starts",
    "Workers that began to serve since the gateway was started: more than it has were replaced.",
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
CONFIG_RELOADS = Counter(
    "gateway_config_reloads",
    "Reloads whose configuration was taken; each worker reloads by itself.",
)
CONFIG_FAILURES = Counter(
    "gateway_config_reload_failures",
    "Reloads refused because the new configuration had faults.",
)
INTEGRITY_FAILURES = Counter(
    "gateway_record_integrity_failures",
    "Sealed records that did not open: altered, moved, or sealed under another key.",
)
KEK_PRIMARY = Gauge(
    "gateway_kek_primary",
    "The id of the key-encrypting key that wraps new data keys; of several processes, the lowest.",
    multiprocess_mode="livemin",
)
DEK_ROTATIONS = Counter(
    "gateway_dek_rotations",
    "Data keys of users that were replaced, by why (asked, worn) and how it went (done, failed).",
    ("why", "outcome"),
)
CONTEXT_EXPIRED = Counter(
    "gateway_context_records_expired",
    "Context records deleted because they were older than their kind is kept.",
)
CONTEXT_TOKENS = Counter(
    "gateway_context_tokens",
    "Tokens of personal context sent, by scope.",
    ("provider", "scope"),
)
ERASURES = Counter(
    "gateway_erasures",
    "Erasures of users, by the state they have come to.",
    ("state",),
)
ERASURES_PENDING = Gauge(
    "gateway_erasures_pending",
    "Erasures whose bytes may still lie in the store's files.",
    multiprocess_mode="livemostrecent",
)
CALLS_INTERRUPTED = Counter(
    "gateway_calls_interrupted",
    "Calls ended from outside while they were being answered, by the code their caller got.",
    ("code",),
)

LIMIT_MEASURES = ("requests", "tokens", "concurrent", "cost_day", "cost_month")
SUBJECT_KINDS = ("user", "token", "feature", "all")
STORE_POLICIES = ("local", "refuse", "allow")


def begin_worker() -> None:
    """Count this worker, and show zeros where a first event would otherwise not look like one.

    Prometheus sees no increase in a series that is there only since its first event.
    """
    WORKERS.set(1)
    WORKER_STARTS.inc()
    for measure, kind in product(LIMIT_MEASURES, SUBJECT_KINDS):
        LIMIT_REFUSALS.labels(measure, kind)
    for policy in STORE_POLICIES:
        LIMITS_UNCHECKED.labels(policy)
    for why, outcome in product(("asked", "worn"), ("done", "failed")):
        DEK_ROTATIONS.labels(why, outcome)
