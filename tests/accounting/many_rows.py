"""Rows of all sorts for usage tests, and what they must add up to, reckoned the plain way."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from gateway.accounting.measures import day_of
from gateway.accounting.rows import LedgerRow, Status
from gateway.types.models import PriceState
from gateway.types.usage import Certainty, Usage

NOON = 1_795_435_200.0  # 2026-11-23, 12:00 UTC
DAY = "2026-11-23"
DAY_S = 86_400

ROW = LedgerRow(
    request_id="req_1",
    attempt=1,
    user_id="u",
    token_id="t",
    time=NOON,
    provider="openai",
    model="gpt-5",
    status=Status.OK,
    certainty=Certainty.MEASURED,
    usage=Usage(input=10, output=1),
    cost_nano=1_000,
)

_COUNTS = st.integers(0, 10**7)
_USAGE = st.builds(Usage, *[st.just(0) | _COUNTS for _ in Usage.__struct_fields__])
_ROW = st.builds(
    LedgerRow,
    request_id=st.just(""),
    attempt=st.just(1),
    user_id=st.sampled_from(["u1", "u2", "u3"]),
    token_id=st.just("t"),
    time=st.integers(0, 3).map(lambda n: NOON - n * DAY_S),
    provider=st.sampled_from(["openai", "my endpoint", "anthropic"]),
    model=st.sampled_from(["gpt-5", "=a|b,\u00e9\u4e16", "x"]),
    status=st.sampled_from(Status),
    certainty=st.sampled_from(Certainty),
    usage=_USAGE,
    cost_nano=st.none() | st.integers(0, 10**12),
    price_state=st.sampled_from(PriceState),
    feature=st.sampled_from(["chat", "report", "-x"]),
    key_source=st.sampled_from(["own", "platform", "none"]),
)
ROWS = st.lists(_ROW, max_size=25).map(
    lambda rows: [replace(row, request_id=f"req_{n}") for n, row in enumerate(rows)]
)
"""Any mix of rows, each of a request of its own."""


def reference(rows: Iterable[LedgerRow], group_by: Sequence[str]) -> dict[tuple[str, ...], Any]:
    """What the rows add up to, by group, as the API is to show it."""
    groups: dict[tuple[str, ...], list[LedgerRow]] = {}
    for row in rows:
        place = {
            **{name: getattr(row, name) for name in ("provider", "model", "feature", "key_source")},
            "day": day_of(row.time),
            "user": row.user_id,
            "certainty": row.certainty.value,
        }
        groups.setdefault(tuple(place[name] for name in group_by), []).append(row)
    return {key: total_of(some) for key, some in groups.items()}


def total_of(rows: Sequence[LedgerRow]) -> dict[str, Any]:
    """What some rows add up to."""
    tokens: dict[str, int] = {}
    for row in rows:
        for name, count in asdict(row.usage).items():
            tokens[name] = tokens.get(name, 0) + count
    sold = [row for row in rows if row.certainty is not Certainty.ABORTED]
    return {
        "requests": len(sold),
        "attempts": len(rows),
        "tokens": {name: count for name, count in tokens.items() if count},
        "total_tokens": sum(tokens.values()),
        "cost_usd": dollars(rows),
        "by_certainty": {
            kind.value: {
                "attempts": sum(row.certainty is kind for row in rows),
                "total_tokens": sum(row.usage.total for row in rows if row.certainty is kind),
                "cost_usd": dollars([row for row in rows if row.certainty is kind]),
            }
            for kind in Certainty
        },
        "estimated_requests": sum(row.certainty is Certainty.ESTIMATED for row in rows),
        "unpriced_requests": _in_state(rows, PriceState.UNKNOWN),
        "ceiling_requests": _in_state(rows, PriceState.CEILING),
        "approximate_requests": _in_state(rows, PriceState.APPROXIMATE),
    }


def dollars(rows: Iterable[LedgerRow]) -> str:
    """What rows cost together, as a decimal string without needless zeros."""
    total = sum(row.cost_nano or 0 for row in rows) * Decimal("0.000000001")
    text = f"{total:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _in_state(rows: Iterable[LedgerRow], state: PriceState) -> int:
    return sum(row.price_state is state and row.usage.total > 0 for row in rows)
