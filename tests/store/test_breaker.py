"""When a node is tried again."""

from gateway.store.breaker import STEADY_S, Breaker


def test_the_first_failure_after_a_steady_time_rests_not_at_all() -> None:
    breaker = Breaker()
    breaker.connected(now=0.0)
    assert breaker.failed(now=STEADY_S) == 0.0
    assert breaker.failed(now=STEADY_S + 0.1) > 0.0
    breaker.connected(now=10.0)
    assert breaker.failed(now=10.0 + STEADY_S) == 0.0


def test_failures_in_a_row_rest_longer_up_to_a_limit() -> None:
    breaker = Breaker(first_s=0.1, longest_s=1.0)
    rests = [breaker.failed(now=float(n)) for n in range(40)]
    assert rests[:5] == [0.0, 0.1, 0.2, 0.4, 0.8]
    assert set(rests[5:]) == {1.0}


def test_a_server_that_connects_but_does_not_hold_counts_as_failing() -> None:
    breaker = Breaker()
    breaker.failed(now=0.0)
    rests = []
    for n in range(1, 10):
        breaker.connected(now=float(n))
        rests.append(breaker.failed(now=n + 0.3))
    assert rests[-1] == 1.0
