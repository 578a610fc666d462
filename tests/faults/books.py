"""Compares what the sandbox sold with what the gateway booked, attempt by attempt. Pure.

Both know a request by its id. The attempts of a request follow each other, so its sales and its
rows stand in the same order; a row without a sale may stand between them only if it is marked
`aborted`: nothing was heard of that attempt, so it may never have arrived. What such a row reckons
for the prompt is judged with the estimates where there was a sale, and apart where there was none.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Final

from msgspec import Struct, field

from gateway.accounting.rows import LedgerRow, Status
from gateway.types.usage import Certainty

BUCKETS: Final = ("input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning")


class Sale(Struct, frozen=True):
    """A row of the sandbox's books."""

    client_request_id: str
    request_id: str
    format: str
    model: str
    started: float
    status: int | None = None
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    completed: bool = False
    ended: float | None = None

    @property
    def tokens(self) -> tuple[int, ...]:
        """What was sold, by bucket."""
        return tuple(getattr(self, name) for name in BUCKETS)


class Verdict(Struct):
    """What came out. `faults` are sentences, each a broken promise."""

    requests: int = 0
    attempts: int = 0
    sales: int = 0
    sold_tokens: int = 0
    certainties: Counter[str] = field(default_factory=Counter)
    estimates: int = 0
    estimated_sold_tokens: int = 0
    estimated_tokens: int = 0
    estimate_errors: list[int] = field(default_factory=list)  # booked minus sold, by row
    unsold: int = 0  # rows of attempts that got nothing
    unsold_tokens: int = 0  # what these are booked with all the same
    never_arrived: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def estimate_share(self) -> float:
        """The share of the sold tokens that is booked by estimate."""
        return self.estimated_sold_tokens / max(self.sold_tokens, 1)


def compare(
    sales: Iterable[Sale], rows: Iterable[LedgerRow], completed: Collection[str] = ()
) -> Verdict:
    """Judge the books. `completed` are the requests whose client has the whole answer."""
    verdict = Verdict()
    sold: dict[str, list[Sale]] = defaultdict(list)
    booked: dict[str, list[LedgerRow]] = defaultdict(list)
    for sale in sales:
        sold[sale.client_request_id].append(sale)
    for row in rows:
        booked[row.request_id].append(row)
    for request in sorted({*sold, *booked, *completed}):
        _judge_request(
            verdict,
            request,
            sorted(sold.get(request, ()), key=lambda sale: sale.started),
            sorted(booked.get(request, ()), key=lambda row: row.attempt),
            is_complete=request in completed,
        )
    return verdict


def sums_of(rows: Iterable[LedgerRow]) -> dict[str, int]:
    """Return what rows add up to: attempts, cost, and each bucket that is not zero."""
    sums: Counter[str] = Counter()
    for row in rows:
        sums["attempts"] += 1
        sums["cost_nano"] += row.cost_nano or 0
        for name in BUCKETS:
            sums[name] += getattr(row.usage, name)
    return {name: value for name, value in sums.items() if value}


def differences(what: str, found: Mapping[str, int], wanted: Mapping[str, int]) -> list[str]:
    """Return a sentence for each number that is not what it has to be."""
    return [
        f"{what}: {name} is {found.get(name, 0)}, the rows say {wanted.get(name, 0)}"
        for name in sorted({*found, *wanted})
        if found.get(name, 0) != wanted.get(name, 0)
    ]


def _judge_request(
    verdict: Verdict,
    request: str,
    arrivals: Sequence[Sale],
    rows: Sequence[LedgerRow],
    *,
    is_complete: bool,
) -> None:
    sales = [sale for sale in arrivals if any(sale.tokens)]
    verdict.requests += 1
    verdict.attempts += len(rows)
    verdict.sales += len(sales)
    verdict.sold_tokens += sum(sum(sale.tokens) for sale in sales)
    verdict.certainties.update(row.certainty.value for row in rows)
    if len({row.attempt for row in rows}) < len(rows):
        verdict.faults.append(f"{request}: an attempt is booked twice")
        return
    pairs = _pair(sales, rows, len(arrivals) - len(sales))
    if pairs is None:
        shown = [(row.attempt, row.provider, row.certainty.value, row.failure) for row in rows]
        sold = [(sale.format, sale.status, sum(sale.tokens)) for sale in arrivals]
        verdict.faults.append(f"{request}: sold {sold}, booked {shown}")
        return
    verdict.unsold += len(rows) - len(pairs)
    verdict.unsold_tokens += sum(row.usage.total for row in rows)
    verdict.unsold_tokens -= sum(row.usage.total for _, row in pairs)
    verdict.never_arrived += max(len(rows) - len(arrivals), 0)
    for sale, row in pairs:
        _judge_pair(verdict, sale, row)
    if is_complete and not any(_is_right(row) for row in rows):
        verdict.faults.append(f"{request}: the client has all of it, no row says so")


def _pair(
    sales: Sequence[Sale], rows: Sequence[LedgerRow], unsold: int
) -> list[tuple[Sale, LedgerRow]] | None:
    """Pair sales with rows in their order, as well as it goes; None where it does not.

    `unsold` is how many requests arrived and sold nothing: each may have an estimate, because
    nobody told the gateway that it would not be charged.
    """
    best: list[tuple[Sale, LedgerRow]] | None = None
    for places in combinations(range(len(rows)), len(sales)):
        others = [row for at, row in enumerate(rows) if at not in places]
        if any(row.certainty is Certainty.MEASURED for row in others):
            continue
        if sum(row.certainty is Certainty.ESTIMATED for row in others) > unsold:
            continue
        pairs = [(sale, rows[place]) for sale, place in zip(sales, places, strict=True)]
        if any(sale.format != row.provider for sale, row in pairs):
            continue
        if best is None or _likeness(pairs) >= _likeness(best):
            best = pairs
    return best


def _likeness(pairs: Sequence[tuple[Sale, LedgerRow]]) -> int:
    return sum(2 * (sale.tokens == _tokens(row)) - (row.usage.total == 0) for sale, row in pairs)


def _judge_pair(verdict: Verdict, sale: Sale, row: LedgerRow) -> None:
    booked, sold = _tokens(row), sale.tokens
    who = f"{row.request_id}/{row.attempt} ({row.provider} {row.model}, {row.status.value}, {row.failure})"
    match row.certainty:
        case Certainty.MEASURED if booked != sold:
            verdict.faults.append(f"{who}: measured {booked}, sold {sold}")
        case Certainty.ABORTED if row.usage.total == 0:
            verdict.faults.append(f"{who}: booked as nothing, sold {sold}")
        case Certainty.ESTIMATED | Certainty.ABORTED:
            verdict.estimates += 1
            verdict.estimated_sold_tokens += sum(sold)
            verdict.estimated_tokens += sum(booked)
            verdict.estimate_errors.append(sum(booked) - sum(sold))
            if row.status is Status.OK:
                verdict.faults.append(f"{who}: an estimate, and nothing was cut")
        case Certainty.MEASURED:
            pass


def _tokens(row: LedgerRow) -> tuple[int, ...]:
    return tuple(getattr(row.usage, name) for name in BUCKETS)


def _is_right(row: LedgerRow) -> bool:
    return row.certainty is Certainty.MEASURED and row.status is Status.OK
