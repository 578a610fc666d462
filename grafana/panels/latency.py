"""Latency: the gateway's own share apart from the providers'."""

from grafana.panels.shapes import RANGE, RATE, Dashboard, Panel, Query, graph, quantile, stat

_P = '{provider=~"$provider"}'
_OVERHEAD = "gateway_overhead_seconds"
_FIRST = "gateway_time_to_first_token_seconds"
_GAP = "gateway_chunk_gap_seconds"
_UPSTREAM = "gateway_upstream_duration_seconds"


def _over_range(q: float, metric: str, where: str = "") -> str:
    return quantile(q, metric, where=where).replace(RATE, RANGE)


LATENCY = Dashboard(
    name="latency",
    title="Gateway: latency",
    description="How long requests take: the gateway's own share apart from the providers', and "
    "what a reader of a stream feels.",
    by_provider=True,
    lines=(
        (
            stat(
                "Overhead, median",
                "Time in the gateway before the first send, without the client's upload.",
                _over_range(0.5, _OVERHEAD),
                "s",
                warn=0.025,
                bad=0.1,
            ),
            stat(
                "Overhead, 99th percentile",
                "One request in a hundred waits longer than this in the gateway. Fetching media for "
                "a provider that takes no URLs is part of it.",
                _over_range(0.99, _OVERHEAD),
                "s",
                warn=0.1,
                bad=0.25,
            ),
            stat(
                "First token, 95th percentile",
                "From the request's head to the first meaningful event of its answer.",
                _over_range(0.95, _FIRST, _P),
                "s",
                warn=5,
                bad=15,
            ),
            stat(
                "Chunk gap, 99th percentile",
                "Silence of a provider between two pieces of a stream.",
                _over_range(0.99, _GAP, _P),
                "s",
                warn=1,
                bad=5,
            ),
        ),
        (
            graph(
                "Where the time goes",
                "Mean time of a request that reached the sending: in the gateway before it, and "
                "waiting for providers, retries and fallbacks added up.",
                "s",
                Query(
                    f"sum(rate({_OVERHEAD}_sum[{RATE}])) / sum(rate({_OVERHEAD}_count[{RATE}]))",
                    "gateway",
                ),
                Query(
                    f"sum(rate({_UPSTREAM}_sum[{RATE}])) / sum(rate({_OVERHEAD}_count[{RATE}]))",
                    "providers",
                ),
                stacked=True,
            ),
            graph(
                "Overhead",
                "Time in the gateway before the first send, by percentile.",
                "s",
                *(
                    Query(quantile(q, _OVERHEAD), f"{q * 100:g}th percentile")
                    for q in (0.5, 0.95, 0.99)
                ),
            ),
            Panel(
                "Overhead, how often",
                "How many requests spent how long in the gateway.",
                (Query(f"sum by (le) (increase({_OVERHEAD}_bucket[{RATE}]))", "{{le}}"),),
                "short",
                "heatmap",
            ),
        ),
        (
            graph(
                "Time to first token, median",
                "Half of the answers begin within this time, by provider. Overhead, waits and "
                "failed attempts are part of it: it is what the caller feels.",
                "s",
                Query(quantile(0.5, _FIRST, "provider", _P), "{{provider}}"),
            ),
            graph(
                "Time to first token, 95th percentile",
                "One answer in twenty begins later than this, by provider.",
                "s",
                Query(quantile(0.95, _FIRST, "provider", _P), "{{provider}}"),
            ),
            graph(
                "Provider's time, median",
                "From sending to the end of the answer, by provider.",
                "s",
                Query(quantile(0.5, _UPSTREAM, "provider", _P), "{{provider}}"),
            ),
        ),
        (
            graph(
                "Chunk gap, median",
                "Silence between two pieces of a streamed answer, by provider.",
                "s",
                Query(quantile(0.5, _GAP, "provider", _P), "{{provider}}"),
            ),
            graph(
                "Chunk gap, 99th percentile",
                "Stalls: one gap in a hundred is longer than this. The config's `gap_s` ends a "
                "stream that is silent for longer.",
                "s",
                Query(quantile(0.99, _GAP, "provider", _P), "{{provider}}"),
            ),
            graph(
                "Whole requests, 95th percentile",
                "From the request's head to the last byte of the answer, by route.",
                "s",
                Query(quantile(0.95, "gateway_request_duration_seconds", "route"), "{{route}}"),
            ),
        ),
    ),
)
