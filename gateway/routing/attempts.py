"""Decides, from each failure, what to try next: a generator that never sleeps and never sends.

    steps = attempts(plan, policy, random)
    step = next(steps)                          # the first Try
    step = steps.send(Failed(error, 12.5))      # after a Try that failed: a Try or a Wait
    step = steps.send(None)                     # after a Wait
    … StopIteration.value                       # the error to report: nothing is left to try

Whoever drives it stops asking once an answer has begun. The rules:

- At most `max_attempts` sends over all targets, and no wait that reaches the deadline.
- The same target again only for what may pass: unreachable, timeout, 5xx, overload, a rate limit;
  a conflict, a cut or nonsensical reply once. Never where the provider said not to.
- A wait the provider names is kept if it is at most `retry_after_cap_s`; a longer one ends the
  matter at this target. Without one: full-jitter exponential backoff.
- A further target is preferred where that is quicker: when the wait would be over two seconds,
  when the target is slow or overloaded, and when each attempt left is needed to try every target.
- What is wrong with the request itself stops everything: the next target would say the same. What
  is wrong with a key, an account, a name or an address does not.
"""

from collections.abc import Callable, Generator, Sequence

from msgspec import Struct

from gateway.config.schema import Retries
from gateway.errors import Failure, UpstreamError
from gateway.routing.backoff import full_jitter
from gateway.routing.plan import RoutePlan
from gateway.types.upstream import Target

_PATIENCE_S = 2.0
_STOP = frozenset({Failure.BAD_REQUEST, Failure.CONTENT_FILTER})
_AGAIN = frozenset(
    {
        Failure.UNREACHABLE,
        Failure.TIMEOUT,
        Failure.SERVER,
        Failure.OVERLOADED,
        Failure.RATE_LIMITED,
    }
)
_AGAIN_ONCE = frozenset({Failure.CONFLICT, Failure.CUT, Failure.BAD_REPLY})
_RATHER_NEXT = frozenset({Failure.TIMEOUT, Failure.OVERLOADED})
_UNAUTHORIZED = 401


class Try(Struct, frozen=True):
    """Send to this target. `number` counts the request's sends from 1."""

    target: Target
    number: int


class Wait(Struct, frozen=True):
    """Let this much time pass, then ask for the next step."""

    seconds: float


class Failed(Struct, frozen=True):
    """A Try failed before its answer began; `remaining_s` is left until the deadline."""

    error: UpstreamError
    remaining_s: float


Steps = Generator[Try | Wait, Failed | None, UpstreamError]


def attempts(plan: RoutePlan, policy: Retries, random: Callable[[], float]) -> Steps:
    """Yield the steps of one request; return the last error when there is nothing left to try.

    `random` yields numbers in [0, 1).
    """
    number = 0
    further = list(plan.targets)
    while True:
        target, retries = further.pop(0), _Retries(policy, random)
        while True:
            number += 1
            failed = yield Try(target, number)
            if failed is None:
                raise TypeError("a Try is answered with Failed")
            error = failed.error
            left = policy.max_attempts - number
            if left <= 0 or failed.remaining_s <= 0 or error.failure in _STOP:
                return error
            further = _still_open(further, target, error)
            wait = retries.wait_after(failed)
            if wait is None or _rather_next(error, wait, left, len(further)):
                break
            if wait > 0:
                yield Wait(wait)
        if not further:
            return error


class _Retries:
    """How one target may be tried again; remembers what it was tried again for."""

    def __init__(self, policy: Retries, random: Callable[[], float]) -> None:
        self._policy = policy
        self._random = random
        self._count = 0
        self._forgave = False

    def wait_after(self, failed: Failed) -> float | None:
        """Return the seconds to wait before the same target, None if it is spent."""
        error = failed.error
        if error.should_retry is False or not self._may_pass(error.failure):
            return None
        wait = self._wait(error)
        if wait is None or wait >= failed.remaining_s:
            return None
        self._count += 1
        return wait

    def _may_pass(self, failure: Failure) -> bool:
        if failure in _AGAIN_ONCE and not self._forgave:
            self._forgave = True
            return True
        return failure in _AGAIN

    def _wait(self, error: UpstreamError) -> float | None:
        policy = self._policy
        if error.wait_s is None:
            return full_jitter(
                self._count, policy.backoff_base_s, policy.backoff_cap_s, self._random
            )
        return max(error.wait_s, 0.0) if error.wait_s <= policy.retry_after_cap_s else None


def _rather_next(error: UpstreamError, wait_s: float, left: int, further: int) -> bool:
    """Whether to leave a target that could be tried again for one that has not been tried."""
    if further == 0:
        return False
    return left <= further or wait_s > _PATIENCE_S or error.failure in _RATHER_NEXT


def _still_open(further: Sequence[Target], spent: Target, error: UpstreamError) -> list[Target]:
    """Drop the targets of which this failure already tells the outcome."""
    if error.failure is Failure.CONTEXT_LENGTH:
        window = spent.info.context_window
        return [target for target in further if _is_larger(target.info.context_window, window)]
    if error.failure is Failure.KEY_REJECTED and error.status == _UNAUTHORIZED:
        key = _key_of(spent)
        return [target for target in further if _key_of(target) != key]
    return list(further)


def _is_larger(window: int | None, than: int | None) -> bool:
    return window is not None and than is not None and window > than


def _key_of(target: Target) -> tuple[str, str, str | None]:
    return target.base_url, target.key_source, target.key_name
