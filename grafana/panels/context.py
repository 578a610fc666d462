"""Context and privacy: how much is said of people, and whether it ends when they ask."""

from grafana.panels.shapes import RANGE, RATE, Dashboard, Query, graph, stat

_P = '{provider=~"$provider"}'
_PROMPT = 'bucket=~"input|audio_input|cache_read|audio_cache_read|cache_write|cache_write_1h"'

CONTEXT = Dashboard(
    name="context",
    title="Gateway: context and privacy",
    description="How much personal context is sent and where to, and whether erasures and expiry "
    "do their work. Whose it is is in no metric.",
    by_provider=True,
    lines=(
        (
            stat(
                "Context tokens",
                "Tokens of personal context sent in the time shown, as the gateway counts them.",
                f"sum(increase(gateway_context_tokens_total{_P}[{RANGE}])) or vector(0)",
                "short",
            ),
            stat(
                "Share of prompts",
                "Context over all prompt tokens: what personal context adds to the bill, at most.",
                f"(sum(increase(gateway_context_tokens_total{_P}[{RANGE}])) or vector(0)) "
                f'/ sum(increase(gateway_tokens_total{{provider=~"$provider", {_PROMPT}}}'
                f"[{RANGE}]))",
                "percentunit",
            ),
            stat(
                "Erasures not yet on disk",
                "Users who are erased, but whose bytes may still lie in the store's files.",
                "max(gateway_erasures_pending) or vector(0)",
                "short",
                warn=1,
            ),
            stat(
                "Records that did not open",
                "Sealed records that were altered, moved, or sealed under another key. Any is an "
                "incident.",
                f"sum(increase(gateway_record_integrity_failures_total[{RANGE}]))",
                "short",
                bad=1,
            ),
        ),
        (
            graph(
                "Context by scope",
                "Tokens of personal context a second, by the scope that was granted.",
                "short",
                Query(
                    f"sum by (scope) (rate(gateway_context_tokens_total{_P}[{RATE}]))", "{{scope}}"
                ),
                stacked=True,
            ),
            graph(
                "Context by provider",
                "Where it goes: tokens of personal context a second, by provider.",
                "short",
                Query(
                    f"sum by (provider) (rate(gateway_context_tokens_total{_P}[{RATE}]))",
                    "{{provider}}",
                ),
                stacked=True,
            ),
            graph(
                "Reading and writing of context",
                "Requests a second to the routes of personal context.",
                "reqps",
                Query(
                    "sum by (route) (rate(gateway_requests_total"
                    f'{{route=~"/v1/me/context.*"}}[{RATE}]))',
                    "{{route}}",
                ),
                stacked=True,
            ),
        ),
        (
            graph(
                "Erasures",
                "Erasures an hour, by the state they came to: dead at once (`erased_live`), gone "
                "from the disk (`erased_storage`), or left for the operator's backups to age out. "
                "Empty until a user is erased.",
                "short",
                Query(f"sum by (state) (rate(gateway_erasures_total[{RATE}])) * 3600", "{{state}}"),
            ),
            graph(
                "Expired records",
                "Context records an hour that were older than their kind is kept.",
                "short",
                Query(
                    f"sum(rate(gateway_context_records_expired_total[{RATE}])) * 3600", "expired"
                ),
            ),
            graph(
                "Records that did not open",
                "Sealed records an hour that failed their check.",
                "short",
                Query(
                    f"sum(rate(gateway_record_integrity_failures_total[{RATE}])) * 3600", "failed"
                ),
            ),
        ),
    ),
)
