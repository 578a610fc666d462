"""How limits are told to clients: headers, and errors that say what is full and until when. Pure."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

from gateway.accounting.cost import format_usd
from gateway.accounting.limits.counters import Counter, Measure, Standing
from gateway.errors import BudgetSpent, ExceedsLimit, GatewayError, RateLimited

_CONCURRENT_WAIT_S: Final = 1.0
_PER: Final[Mapping[Measure, str]] = {
    Measure.REQUESTS: "requests a minute",
    Measure.TOKENS: "tokens a minute",
    Measure.CONCURRENT: "requests at a time",
    Measure.COST_DAY: "a day",
    Measure.COST_MONTH: "a month",
}


def check_can_fit(counters: Sequence[Counter]) -> None:
    """Raise ExceedsLimit for a request that no waiting helps: it alone is larger than a limit."""
    for counter in counters:
        if counter.amount > counter.limit:
            over = _amount(counter, counter.amount - counter.limit)
            verb = "cost" if counter.is_cost else "use"
            raise ExceedsLimit(
                f"This request may {verb} up to {_amount(counter, counter.amount)}, which is "
                f"{over} more than {_whose(counter)} may at all ({_limit(counter)}). Send less, "
                "or ask for a shorter reply (max_tokens)."
            )


def refusal(
    standing: Standing, standings: Sequence[Standing], now: float, zone: tzinfo
) -> GatewayError:
    """Return the error for a counter that has no room for the request.

    A rate names its wait; a budget does not, since nobody should wait for it in a loop.
    """
    counter = standing.counter
    error: GatewayError
    if counter.is_cost:
        begins = datetime.fromtimestamp(counter.window.end, UTC).astimezone(zone)
        error = BudgetSpent(
            f"The budget of {_whose(counter)}, {_limit(counter)}, is spent: {_state(standing)}. "
            f"It begins anew at {begins.isoformat(timespec='minutes')}."
        )
    elif counter.measure is Measure.CONCURRENT:
        error = RateLimited(
            f"{_whose(counter).capitalize()} may have {_limit(counter)}; running: {standing.held}. "
            "Wait until one has ended.",
            retry_after_s=_CONCURRENT_WAIT_S,
        )
    else:
        wait = max(counter.window.end - now, 1.0)
        error = RateLimited(
            f"The limit of {_whose(counter)}, {_limit(counter)}, is reached: {_state(standing)}. "
            f"Try again in {math.ceil(wait)} s.",
            retry_after_s=wait,
        )
    error.headers = rate_headers(standings, now)
    return error


def rate_headers(standings: Sequence[Standing], now: float) -> dict[str, str]:
    """Return the `x-ratelimit-*` headers, of the subject that has least left of each measure.

    As OpenAI names them; the time until the window ends is in whole seconds, such as `17s`.
    """
    found: dict[str, str] = {}
    for measure in (Measure.REQUESTS, Measure.TOKENS):
        of_measure = [each for each in standings if each.counter.measure is measure]
        tightest = min(of_measure, key=lambda each: each.left, default=None)
        if tightest is None:
            continue
        name, end = measure.value, tightest.counter.window.end
        found[f"x-ratelimit-limit-{name}"] = str(tightest.counter.limit)
        found[f"x-ratelimit-remaining-{name}"] = str(tightest.left)
        found[f"x-ratelimit-reset-{name}"] = f"{max(0, math.ceil(end - now))}s"
    return found


def _whose(counter: Counter) -> str:
    kind, _, name = counter.subject.partition(":")
    if kind == "feature":
        return f"this user in the feature '{name}'"
    return {"user": "this user", "token": "this token"}.get(kind, "all users together")


def _state(standing: Standing) -> str:
    counter = standing.counter
    parts = [f"{_amount(counter, standing.used)} used"]
    if standing.held:
        parts.append(f"{_amount(counter, standing.held)} reserved by requests on their way")
    if counter.measure is not Measure.REQUESTS:
        parts.append(f"and this one may need {_amount(counter, counter.amount)}")
    return ", ".join(parts)


def _limit(counter: Counter) -> str:
    limit = f"${format_usd(counter.limit)}" if counter.is_cost else f"{counter.limit}"
    per = _PER[counter.measure]
    return f"{limit} {per}" if counter.limit != 1 else f"1 {per.replace('s ', ' ', 1)}"


def _amount(counter: Counter, amount: int) -> str:
    if counter.is_cost:
        return f"${format_usd(amount)}"
    return f"{amount} tokens" if counter.measure is Measure.TOKENS else f"{amount}"
