from collections.abc import Iterable

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from gateway.config.schema import Retries
from gateway.errors import Failure, UpstreamError
from gateway.routing.attempts import Failed, Steps, Try, Wait, attempts
from gateway.routing.plan import RoutePlan
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, Target

POLICY = Retries(max_attempts=3, backoff_base_s=0.5, backoff_cap_s=8.0, retry_after_cap_s=60.0)
PASSES = (Failure.UNREACHABLE, Failure.SERVER, Failure.RATE_LIMITED)
PASSES_ONCE = (Failure.CONFLICT, Failure.CUT, Failure.BAD_REPLY)
NEVER_AGAIN = (
    Failure.KEY_REJECTED,
    Failure.NOT_FOUND,
    Failure.QUOTA,
    Failure.CONTEXT_LENGTH,
    Failure.ENDPOINT_REFUSED,
)
STOPS = (Failure.BAD_REQUEST, Failure.CONTENT_FILTER)


def target(name: str, *, window: int | None = None, key: str = "k") -> Target:
    return Target(
        provider=name,
        type="openai",
        model="m",
        base_url=f"https://{name}.example.com",
        key_source=KeySource.OWN,
        key_name=key,
        audience=name,
        settings={},
        info=ModelInfo(name, "m", context_window=window),
    )


Step = Try | Wait | UpstreamError
A, B, C = target("a"), target("b"), target("c")


def fails(failure: Failure, remaining_s: float = 100.0, **facts: object) -> Failed:
    return Failed(UpstreamError(failure, "no", **facts), remaining_s)  # type: ignore[arg-type]


def sent(steps: Steps, answer: Failed | None) -> Step:
    """Answer a step: the next one, or the error that is left when there is none."""
    try:
        return steps.send(answer)
    except StopIteration as stop:
        left: UpstreamError = stop.value
        return left


def walk(
    targets: Iterable[Target],
    failures: Iterable[Failed],
    policy: Retries = POLICY,
    random: float = 0.5,
) -> list[str | float]:
    """Drive the generator with next and send: provider names tried, waits, and "end"."""
    steps = attempts(RoutePlan(tuple(targets)), policy, lambda: random)
    seen: list[str | float] = []
    step: Step = next(steps)
    for failed in failures:
        assert isinstance(step, Try)
        seen.append(step.target.provider)
        step = sent(steps, failed)
        if isinstance(step, Wait):
            seen.append(step.seconds)
            step = sent(steps, None)
        if isinstance(step, UpstreamError):
            assert step is failed.error
            return [*seen, "end"]
    assert isinstance(step, Try)
    return [*seen, step.target.provider]


def test_the_first_step_is_to_try_the_first_target() -> None:
    step = next(attempts(RoutePlan((A, B)), POLICY, lambda: 0.5))
    assert step == Try(A, 1)


@pytest.mark.parametrize("failure", PASSES)
def test_what_may_pass_is_tried_again_up_to_the_budget(failure: Failure) -> None:
    assert walk([A], [fails(failure)] * 3) == ["a", 0.25, "a", 0.5, "a", "end"]


@pytest.mark.parametrize("failure", PASSES_ONCE)
def test_what_may_be_chance_is_tried_again_once(failure: Failure) -> None:
    assert walk([A], [fails(failure)] * 2) == ["a", 0.25, "a", "end"]
    assert walk([A, B], [fails(failure)] * 3) == ["a", 0.25, "a", "b", "end"]


@pytest.mark.parametrize("failure", [*NEVER_AGAIN, *STOPS])
def test_what_will_not_pass_is_not_tried_again(failure: Failure) -> None:
    assert walk([A], [fails(failure)]) == ["a", "end"]


@pytest.mark.parametrize(
    "failure", [Failure.KEY_REJECTED, Failure.NOT_FOUND, Failure.QUOTA, Failure.ENDPOINT_REFUSED]
)
def test_what_is_wrong_with_one_target_leads_to_the_next(failure: Failure) -> None:
    assert walk([A, B, C], [fails(failure)] * 3) == ["a", "b", "c", "end"]


@pytest.mark.parametrize("failure", STOPS)
def test_what_is_wrong_with_the_request_stops_everything(failure: Failure) -> None:
    assert walk([A, B], [fails(failure)]) == ["a", "end"]


def test_attempts_are_kept_for_targets_that_have_not_been_tried() -> None:
    down = [fails(Failure.SERVER)] * 3
    assert walk([A, B], down) == ["a", 0.25, "a", "b", "end"]
    assert walk([A, B, C], down) == ["a", "b", "c", "end"]
    assert walk([A, B, C, target("d")], down) == ["a", "b", "c", "end"]


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.OVERLOADED])
def test_a_slow_or_overloaded_target_is_left_if_there_is_another(failure: Failure) -> None:
    assert walk([A, B], [fails(failure)] * 3) == ["a", "b", 0.25, "b", "end"]


def test_a_named_wait_is_kept() -> None:
    limited = fails(Failure.RATE_LIMITED, wait_s=41.7)
    assert walk([A], [limited, limited]) == ["a", 41.7, "a", 41.7, "a"]
    assert walk([A], [fails(Failure.OVERLOADED, wait_s=0.0)]) == ["a", "a"]
    assert walk([A], [fails(Failure.SERVER, wait_s=-3.0)]) == ["a", "a"]


def test_a_wait_over_the_cap_is_not_waited_for() -> None:
    limited = fails(Failure.RATE_LIMITED, wait_s=60.1)
    assert walk([A], [limited]) == ["a", "end"]
    assert walk([A, B], [limited, limited]) == ["a", "b", "end"]


def test_a_wait_that_reaches_the_deadline_is_not_waited_for() -> None:
    limited = fails(Failure.RATE_LIMITED, remaining_s=5.0, wait_s=5.0)
    assert walk([A], [limited]) == ["a", "end"]
    assert walk([A, B], [limited]) == ["a", "b"]
    assert walk([A], [fails(Failure.SERVER, remaining_s=0.25)]) == ["a", "end"]


def test_a_long_wait_is_left_for_the_next_target() -> None:
    limited = fails(Failure.RATE_LIMITED, wait_s=2.1)
    assert walk([A, B], [limited]) == ["a", "b"]
    short = fails(Failure.RATE_LIMITED, wait_s=2.0)
    assert walk([A, B], [short]) == ["a", 2.0, "a"]


def test_nothing_is_tried_after_the_deadline() -> None:
    assert walk([A, B], [fails(Failure.SERVER, remaining_s=0.0)]) == ["a", "end"]
    assert walk([A, B], [fails(Failure.NOT_FOUND, remaining_s=-1.0)]) == ["a", "end"]


def test_a_provider_that_says_not_to_retry_is_not_retried() -> None:
    told = fails(Failure.SERVER, should_retry=False)
    assert walk([A], [told]) == ["a", "end"]
    assert walk([A, B], [told, told]) == ["a", "b", "end"]


def test_a_prompt_too_long_goes_only_to_a_larger_window() -> None:
    small, large = target("small", window=1_000), target("large", window=9_000)
    other, unknown = target("other", window=1_000), target("unknown")
    too_long = [fails(Failure.CONTEXT_LENGTH)] * 3
    assert walk([small, other, unknown, large], too_long[:2]) == ["small", "large", "end"]
    assert walk([small, other], too_long[:1]) == ["small", "end"]
    assert walk([unknown, large], too_long[:1]) == ["unknown", "end"]


def test_an_invalid_key_is_not_used_for_another_model() -> None:
    again = replace(A, model="other")
    unauthorized = fails(Failure.KEY_REJECTED, status=401)
    assert walk([A, again, B], [unauthorized]) == ["a", "b"]
    forbidden = fails(Failure.KEY_REJECTED, status=403)  # may speak of the model alone
    assert walk([A, again, B], [forbidden]) == ["a", "a"]


def test_one_attempt_means_one() -> None:
    policy = replace(POLICY, max_attempts=1)
    assert walk([A, B], [fails(Failure.SERVER)], policy) == ["a", "end"]


def test_driving_it_wrongly_is_a_bug_that_shows() -> None:
    steps = attempts(RoutePlan((A,)), POLICY, lambda: 0.5)
    next(steps)
    with pytest.raises(TypeError):
        steps.send(None)


_failures = st.builds(
    lambda failure, wait, told, status, spent: (failure, wait, told, status, spent),
    st.sampled_from(list(Failure)),
    st.none() | st.floats(-5, 120),
    st.none() | st.booleans(),
    st.sampled_from([None, 401, 403, 429, 500]),
    st.floats(0, 30),
)
_targets = st.lists(
    st.builds(
        lambda name, key, window: target(name, key=key, window=window),
        st.sampled_from("abcd"),
        st.sampled_from(["k", "l"]),
        st.none() | st.sampled_from([1_000, 2_000]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda t: (t.provider, t.key_name),
)


@settings(max_examples=200, deadline=None)
@given(
    targets=_targets,
    story=st.lists(_failures, min_size=12, max_size=12),
    budget=st.integers(1, 10),
    deadline_s=st.floats(0.1, 90),
    random=st.floats(0, 0.999),
)
def test_whatever_happens_budget_deadline_and_order_are_kept(
    targets: list[Target],
    story: list[tuple[Failure, float | None, bool | None, int | None, float]],
    budget: int,
    deadline_s: float,
    random: float,
) -> None:
    policy = replace(POLICY, max_attempts=budget)
    steps = attempts(RoutePlan(tuple(targets)), policy, lambda: random)
    elapsed, tried = 0.0, list[Target]()
    step: Step = next(steps)
    events = iter(story)
    while not isinstance(step, UpstreamError):
        if isinstance(step, Wait):
            assert 0 < step.seconds <= policy.retry_after_cap_s
            elapsed += step.seconds
            assert elapsed <= deadline_s + 1e-9  # never waits past the deadline
            step = sent(steps, None)
            assert isinstance(step, Try)
            assert step.target is tried[-1]  # a wait is for the target just tried
            continue
        assert step.number == len(tried) + 1 <= budget  # never exceeds the budget
        if tried and step.target is not tried[-1]:
            assert step.target not in tried  # never goes back to a spent target
            assert targets.index(step.target) > targets.index(tried[-1])  # in order
        tried.append(step.target)
        failure, wait, told, status, spent = next(events)
        elapsed += spent
        error = UpstreamError(failure, "x", wait_s=wait, should_retry=told, status=status)
        following = sent(steps, Failed(error, deadline_s - elapsed))
        if isinstance(following, UpstreamError):
            assert following is error
            return
        assert elapsed < deadline_s  # nothing is begun after the deadline
        assert failure not in STOPS
        if isinstance(following, Wait) or following.target is step.target:
            assert failure not in NEVER_AGAIN
            assert told is not False
        step = following
