"""Money: what is spent, where, and how sure the numbers are."""

from grafana.panels.shapes import RANGE, RATE, Dashboard, Panel, Query, graph, stat

_P = '{provider=~"$provider"}'
_BOOKED = 'provider=~"$provider", certainty!="aborted"'
_PROMPT = 'bucket=~"input|audio_input|cache_read|audio_cache_read|cache_write|cache_write_1h"'

MONEY = Dashboard(
    name="money",
    title="Gateway: money",
    description="What is spent, on what, and how sure the numbers are. Who spent it is in the "
    "usage API, in CSV and in `gateway usage`: no user is ever a label.",
    by_provider=True,
    lines=(
        (
            stat(
                "Spent",
                "Cost booked in the time shown, all providers chosen above. Rows without a known "
                "price add nothing: see “Without a known price”.",
                f"sum(increase(gateway_cost_dollars_total{_P}[{RANGE}])) or vector(0)",
                "currencyUSD",
            ),
            stat(
                "A day at this rate",
                "What a day costs if it goes on as in the time shown.",
                f"sum(rate(gateway_cost_dollars_total{_P}[{RANGE}])) * 86400 or vector(0)",
                "currencyUSD",
            ),
            stat(
                "Tokens",
                "Tokens booked in the time shown, every bucket counted once.",
                f"sum(increase(gateway_tokens_total{_P}[{RANGE}])) or vector(0)",
                "short",
            ),
            stat(
                "Estimated",
                "Share of the booked rows whose tokens were estimated because a stream or a worker "
                "was cut off, or the provider reported none. Their cost is an estimate too.",
                f'(sum(increase(gateway_ledger_rows_total{{provider=~"$provider", '
                f'certainty="estimated"}}[{RANGE}])) or vector(0)) '
                f"/ sum(increase(gateway_ledger_rows_total{{{_BOOKED}}}[{RANGE}]))",
                "percentunit",
                warn=0.02,
                bad=0.05,
            ),
            stat(
                "Without a known price",
                "Rows in the time shown whose cost is missing (unknown), the operator's ceiling, or "
                "approximate. Name their price in the config.",
                f"sum(increase(gateway_unpriced_requests_total{_P}[{RANGE}])) or vector(0)",
                "short",
                warn=1,
            ),
        ),
        (
            graph(
                "Spend by provider",
                "Dollars an hour, by provider.",
                "currencyUSD",
                Query(
                    f"sum by (provider) (rate(gateway_cost_dollars_total{_P}[{RATE}])) * 3600",
                    "{{provider}}",
                ),
                stacked=True,
            ),
            Panel(
                "Models that cost most",
                "The ten models with the highest cost in the time shown. `other` holds every model "
                "that the catalogue and the config do not name.",
                (
                    Query(
                        f"topk(10, sum by (provider, model) "
                        f"(increase(gateway_cost_dollars_total{_P}[{RANGE}])))",
                        "{{provider}} {{model}}",
                    ),
                ),
                "currencyUSD",
                "bargauge",
            ),
        ),
        (
            graph(
                "Tokens by bucket",
                "Tokens a second. A token is in exactly one bucket: `input` leaves out what was "
                "cached, `output` leaves out reasoning.",
                "short",
                Query(f"sum by (bucket) (rate(gateway_tokens_total{_P}[{RATE}]))", "{{bucket}}"),
                stacked=True,
            ),
            graph(
                "Read from caches",
                "Share of the prompt tokens that a provider's cache held. It costs a fraction of "
                "fresh input; a fall after a release of your application costs money.",
                "percentunit",
                Query(
                    f'(sum(rate(gateway_tokens_total{{provider=~"$provider", '
                    f'bucket=~"cache_read|audio_cache_read"}}[{RATE}])) or vector(0)) '
                    f'/ sum(rate(gateway_tokens_total{{provider=~"$provider", {_PROMPT}}}[{RATE}]))',
                    "cached",
                ),
                highest=1,
            ),
        ),
        (
            graph(
                "Rows by certainty",
                "Ledger rows a second: measured by the provider, estimated by the gateway, or "
                "aborted before there was anything to count.",
                "short",
                Query(
                    f"sum by (certainty) (rate(gateway_ledger_rows_total{_P}[{RATE}]))",
                    "{{certainty}}",
                ),
                stacked=True,
            ),
            graph(
                "Price of a million tokens",
                "Cost over tokens, by provider: what the mix of models and buckets really costs.",
                "currencyUSD",
                Query(
                    f"1e6 * sum by (provider) (rate(gateway_cost_dollars_total{_P}[{RATE}])) "
                    f"/ sum by (provider) (rate(gateway_tokens_total{_P}[{RATE}]))",
                    "{{provider}}",
                ),
            ),
            graph(
                "Without a known price",
                "Rows an hour, by provider and by what stands in for the price. Empty while "
                "every price is known.",
                "short",
                Query(
                    f"sum by (provider, price_state) "
                    f"(rate(gateway_unpriced_requests_total{_P}[{RATE}])) * 3600",
                    "{{provider}} {{price_state}}",
                ),
            ),
        ),
    ),
)
