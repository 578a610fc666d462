"""Health and config of the gateway itself."""

from grafana.panels.shapes import RANGE, RATE, Dashboard, Query, graph, stat

_OWN = '{origin="gateway"}'

HEALTH = Dashboard(
    name="health",
    title="Gateway: health and config",
    description="Whether the gateway itself is well: workers, store, spool, configuration. Memory "
    "and CPU are for the exporter of your host or your containers.",
    lines=(
        (
            stat(
                "Workers",
                "Workers that serve, over all gateways.",
                "sum(gateway_workers)",
                "short",
            ),
            stat(
                "Requests in flight",
                "Requests that are being answered now.",
                "sum(gateway_requests_in_flight)",
                "short",
            ),
            stat(
                "Errors of our own",
                "Share of the answers in the time shown that failed by the gateway's own fault, "
                "its store included.",
                f"(sum(increase(gateway_requests_total{_OWN}[{RANGE}])) or vector(0)) "
                f"/ sum(increase(gateway_requests_total[{RANGE}]))",
                "percentunit",
                warn=0.001,
                bad=0.01,
            ),
            stat(
                "Bookings that wait",
                "Bookings that the store has not taken yet. They are safe on the gateway's disk.",
                "sum(gateway_spool_backlog)",
                "short",
                warn=100,
                bad=10000,
            ),
            stat(
                "Config loaded",
                "How long ago the oldest configuration in force was loaded.",
                "time() - min(gateway_config_last_load_timestamp_seconds)",
                "s",
            ),
        ),
        (
            graph(
                "Answers by status",
                "Answers a second, every route. 499: the client hung up first.",
                "reqps",
                Query(f"sum by (status) (rate(gateway_requests_total[{RATE}]))", "{{status}}"),
                stacked=True,
            ),
            graph(
                "Errors by whose fault",
                "Answers a second that were errors: the request's, a policy's, the user's key's, a "
                "provider's, or the gateway's own. Empty while there are none.",
                "reqps",
                Query(
                    f'sum by (origin) (rate(gateway_requests_total{{origin!="none"}}[{RATE}]))',
                    "{{origin}}",
                ),
                stacked=True,
            ),
            graph(
                "Requests in flight",
                "Requests being answered, by gateway.",
                "short",
                Query("gateway_requests_in_flight", "{{instance}}"),
                stacked=True,
            ),
        ),
        (
            graph(
                "Workers and their starts",
                "Workers that serve, and how many began to within the last quarter of an hour. A "
                "start of the gateway counts each worker once; more than that were replaced after "
                "a death.",
                "short",
                Query("sum(gateway_workers)", "workers"),
                Query("sum(increase(gateway_worker_starts_total[15m]))", "starts"),
            ),
            graph(
                "Store",
                "Calls a second that the store did not answer.",
                "short",
                Query(f"sum(rate(gateway_store_failures_total[{RATE}]))", "unanswered"),
            ),
            graph(
                "Bookings that wait",
                "Bookings that the store has not taken yet, by gateway.",
                "short",
                Query("gateway_spool_backlog", "{{instance}}"),
            ),
        ),
        (
            graph(
                "Bookings in trouble",
                "An hour: rows the store refused, records the disk refused, records that were "
                "never written, pieces of the spool that could not be read. All should be zero.",
                "short",
                Query(
                    f"sum(rate(gateway_ledger_rows_failed_total[{RATE}])) * 3600", "rows refused"
                ),
                Query(f"sum(rate(gateway_spool_failures_total[{RATE}])) * 3600", "writes refused"),
                Query(
                    f"sum(rate(gateway_spool_records_lost_total[{RATE}])) * 3600", "records lost"
                ),
                Query(
                    f"sum(rate(gateway_spool_unreadable_frames_total[{RATE}])) * 3600",
                    "pieces unreadable",
                ),
            ),
            graph(
                "Bookings given again",
                "Rows an hour that were given again to a store which had lost its last moments.",
                "short",
                Query(
                    f"sum(rate(gateway_spool_rows_replayed_total[{RATE}])) * 3600", "given again"
                ),
            ),
            graph(
                "Scrapes",
                "How long Prometheus waited for the metrics of each gateway.",
                "s",
                Query(
                    "scrape_duration_seconds and on (job, instance) gateway_workers", "{{instance}}"
                ),
            ),
        ),
        (
            graph(
                "Reloads",
                "Reloads within the last hour, taken and refused. Each worker reloads by itself.",
                "short",
                Query("sum(increase(gateway_config_reloads_total[1h]))", "taken"),
                Query("sum(increase(gateway_config_reload_failures_total[1h]))", "refused"),
            ),
            graph(
                "Configurations in force",
                "How many different configurations the gateways have. More than one for longer than "
                "a rollout is a gateway that missed a reload.",
                "short",
                Query('count(count_values("hash", gateway_config_hash))', "configurations"),
            ),
            graph(
                "Age of the configuration",
                "How long ago each gateway loaded the configuration it has.",
                "s",
                Query("time() - gateway_config_last_load_timestamp_seconds", "{{instance}}"),
            ),
        ),
    ),
)
