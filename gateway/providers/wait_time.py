"""How long a provider asks us to wait, in whatever spelling it does so. For error replies only.

The sources are tried in the order of their precision; the caller compares the answer with its own
deadline. A successful reply may carry the same headers (Anthropic does): never read them there.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,12})?")
_UNIT_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_STEP = r"\d{1,9}(?:\.\d{1,12})?(?:ms|us|µs|ns|s|m|h|d)"
_DURATION = re.compile(rf"(?:{_STEP})+")
_STEPS = re.compile(r"(\d{1,9}(?:\.\d{1,12})?)(ms|us|µs|ns|s|m|h|d)")
_IN_TEXT = re.compile(
    r"(?:try again|retry)\s+(?:in|after)\s+"
    rf"((?:{_STEP})+(?![a-z])|\d{{1,9}}(?:\.\d{{1,12}})?(?=\s*seconds?\b|\s*milliseconds?\b))"
    r"(\s*milliseconds?)?",
    re.IGNORECASE,
)
_MAX_TEXT = 4096
_EPOCH_SECONDS = 1e9  # a reset value above this is a point in time, not a distance
_EPOCH_MILLISECONDS = 1e11


def wait_seconds(
    headers: Mapping[str, str], body_error: Mapping[str, Any] | None, now: float
) -> float | None:
    """Return the seconds an error reply asks to wait; None if it names no wait above zero.

    `headers` have lower-case names, `body_error` is the parsed body or its `error` member, `now`
    is Unix seconds for the spellings that name a point in time. The answer is finite but not
    capped: 1e9 is for the caller to refuse.
    """
    for found in _sources(headers, body_error, now):
        if found is not None and math.isfinite(found) and found > 0:
            return found
    return None


def parse_duration(text: str) -> float | None:
    """Read a Go-style duration ("6m0s", "17.4s", "12ms") in seconds; None if it is none."""
    text = text.strip()
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _STEPS.findall(text))


def parse_timestamp(text: str) -> float | None:
    """Read an RFC 3339 time as Unix seconds; None if it is none. No zone means UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _sources(
    headers: Mapping[str, str], body: Mapping[str, Any] | None, now: float
) -> Iterator[float | None]:
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        milliseconds = _number(headers.get(name))
        yield None if milliseconds is None else milliseconds / 1000
    yield _retry_after(headers.get("retry-after"), now)
    error = _error_of(body)
    yield _retry_info(error)
    yield from _exhausted_buckets(headers, now)
    yield _plain_reset(headers.get("x-ratelimit-reset"), now)
    yield _from_text(error.get("message"))


def _number(text: str | None) -> float | None:
    """Read a header's number; of a repeated header the largest."""
    if text is None:
        return None
    numbers = [part.strip() for part in text.split(",")]
    if not all(_NUMBER.fullmatch(number) for number in numbers):
        return None
    return max(float(number) for number in numbers)


def _retry_after(text: str | None, now: float) -> float | None:
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now


def _error_of(body: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if body is None:
        return {}
    error = body.get("error", body)
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) else {}


def _retry_info(error: Mapping[str, Any]) -> float | None:
    """Google's RetryInfo: `details[].retryDelay`, "36s" or "36.429760048s"."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str):
            return parse_duration(delay)
    return None


def _exhausted_buckets(headers: Mapping[str, str], now: float) -> Iterator[float | None]:
    """Yield the resets of the buckets that are empty: Anthropic's times, then OpenAI's durations."""
    resets: list[float] = []
    durations: list[float] = []
    for name, value in headers.items():
        if _number(value) != 0:
            continue
        if name.startswith("anthropic-ratelimit-") and name.endswith("-remaining"):
            moment = parse_timestamp(headers.get(name.removesuffix("remaining") + "reset", ""))
            if moment is not None:
                resets.append(moment - now)
        elif name.startswith("x-ratelimit-remaining-"):
            bucket = name.removeprefix("x-ratelimit-remaining-")
            # Azure sends bare integers here, in another unit: they are no duration, so no wait.
            duration = parse_duration(headers.get(f"x-ratelimit-reset-{bucket}", ""))
            if duration is not None:
                durations.append(duration)
    yield max(resets, default=None)
    yield max(durations, default=None)


def _plain_reset(text: str | None, now: float) -> float | None:
    """`x-ratelimit-reset`: seconds (Together), or a Unix time in milliseconds (OpenRouter)."""
    value = _number(text)
    if value is None:
        return None
    if value > _EPOCH_MILLISECONDS:
        return value / 1000 - now
    return value - now if value > _EPOCH_SECONDS else value


def _from_text(message: object) -> float | None:
    if not isinstance(message, str):
        return None
    found = _IN_TEXT.search(message[:_MAX_TEXT])
    if found is None:
        return None
    value = found.group(1)
    if value[-1].isdigit():
        return float(value) / (1000 if found.group(2) else 1)
    return parse_duration(value.lower())
