"""Adds booked rows to the Prometheus metrics."""

from gateway import metrics
from gateway.accounting.cost import BUCKETS, buckets
from gateway.accounting.measures import UNSURE
from gateway.accounting.rows import LedgerRow


def count(row: LedgerRow) -> None:
    """Add a row to the Prometheus metrics of its certainty (tokens and cost carry closed labels)."""
    metrics.ROWS.labels(row.provider_label, row.certainty.value).inc()
    for name, tokens in zip(BUCKETS, buckets(row.usage), strict=True):
        if tokens:
            metrics.TOKENS.labels(row.provider_label, row.model_label, name).inc(tokens)
    if row.cost_nano:
        metrics.COST_DOLLARS.labels(row.provider_label, row.model_label).inc(row.cost_nano / 1e9)
    if row.price_state in UNSURE and row.usage.total:
        metrics.UNPRICED.labels(row.provider_label, row.price_state.value).inc()
