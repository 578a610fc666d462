"""Keys and limits: who is turned away, by what, and how keys fare."""

from grafana.panels.shapes import RANGE, RATE, Dashboard, Query, graph, stat

_KEY_TROUBLE = '{provider=~"$provider", outcome=~"key_rejected|quota|rate_limited"}'

KEYS = Dashboard(
    name="keys",
    title="Gateway: keys and limits",
    description="Who is turned away and by what: tokens, limits, and the providers' own refusals "
    "of keys. Which user it was is in the log, by request id.",
    by_provider=True,
    lines=(
        (
            stat(
                "Refused by limits",
                "Requests in the time shown that a limit or a budget refused.",
                f"sum(increase(gateway_limit_refusals_total[{RANGE}])) or vector(0)",
                "short",
            ),
            stat(
                "Reservations held",
                "Requests that hold a reservation against their limits now. It follows the "
                "requests in flight; one that stays above them is a leak.",
                "sum(gateway_reservations_held)",
                "short",
            ),
            stat(
                "Limits not checked",
                "Requests in the time shown whose limits the store could not check, so that the "
                "policy for an absent store decided.",
                f"sum(increase(gateway_limits_unchecked_total[{RANGE}])) or vector(0)",
                "short",
                warn=1,
            ),
            stat(
                "Tokens refused",
                "Answers with 401 in the time shown: no token, a wrong one, a revoked or expired "
                "one.",
                f'sum(increase(gateway_requests_total{{status="401"}}[{RANGE}])) or vector(0)',
                "short",
            ),
            stat(
                "Calls ended from outside",
                "Calls in the time shown that were ended while they were answered: token revoked, "
                "user disabled or erased.",
                f"sum(increase(gateway_calls_interrupted_total[{RANGE}])) or vector(0)",
                "short",
            ),
        ),
        (
            graph(
                "Refusals by measure",
                "Requests a second that a limit refused, by what it counts.",
                "reqps",
                Query(
                    f"sum by (measure) (rate(gateway_limit_refusals_total[{RATE}]))", "{{measure}}"
                ),
                stacked=True,
            ),
            graph(
                "Refusals by whose limit",
                "Requests a second that a limit refused: the user's, the token's, the feature's or "
                "everybody's.",
                "reqps",
                Query(
                    f"sum by (subject_kind) (rate(gateway_limit_refusals_total[{RATE}]))",
                    "{{subject_kind}}",
                ),
                stacked=True,
            ),
            graph(
                "Reservations and requests",
                "Reservations held beside requests in flight. They rise and fall together.",
                "short",
                Query("sum(gateway_reservations_held)", "reservations"),
                Query("sum(gateway_requests_in_flight)", "requests in flight"),
            ),
        ),
        (
            graph(
                "Turned away",
                "Answers a second with 401 or 403, by route: bad tokens, and tokens that may not do "
                "what they asked. Empty while nobody is.",
                "reqps",
                Query(
                    "sum by (route, status) (rate(gateway_requests_total"
                    f'{{status=~"401|403"}}[{RATE}]))',
                    "{{status}} {{route}}",
                ),
                stacked=True,
            ),
            graph(
                "Keys refused by providers",
                "Sends a second that a provider refused for the key: rejected, out of credit, or "
                "over its rate. Empty while none is.",
                "reqps",
                Query(
                    f"sum by (provider, outcome) (rate(gateway_attempts_total{_KEY_TROUBLE}"
                    f"[{RATE}]))",
                    "{{provider}} {{outcome}}",
                ),
                stacked=True,
            ),
            graph(
                "Limits not checked",
                "Requests a second that the policy for an absent store decided.",
                "reqps",
                Query(
                    f"sum by (policy) (rate(gateway_limits_unchecked_total[{RATE}]))", "{{policy}}"
                ),
            ),
        ),
        (
            graph(
                "Primary key-encrypting key",
                "The id of the key that wraps new data keys, by gateway. It rises with a rotation; "
                "all gateways must agree after it.",
                "none",
                Query("gateway_kek_primary", "{{instance}}"),
            ),
            graph(
                "Data keys replaced",
                "Users' data keys replaced an hour: asked for by an admin or worn out; done or "
                "failed.",
                "short",
                Query(
                    f"sum by (why, outcome) (rate(gateway_dek_rotations_total[{RATE}])) * 3600",
                    "{{why}} {{outcome}}",
                ),
            ),
            graph(
                "Calls ended from outside",
                "Calls an hour that were ended while they were answered, by the code their caller "
                "got. Empty while there are none.",
                "short",
                Query(
                    f"sum by (code) (rate(gateway_calls_interrupted_total[{RATE}])) * 3600",
                    "{{code}}",
                ),
            ),
        ),
    ),
)
