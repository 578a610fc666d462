"""When a dead child is started again."""

from gateway.supervisor.respawn import LONGEST_REST_S, MOST_EARLY_DEATHS, STEADY_S, Respawn


def test_the_first_death_is_answered_at_once_and_later_ones_after_a_rest() -> None:
    respawn = Respawn()
    rests = [respawn.died(lived_s=1.0) for _ in range(MOST_EARLY_DEATHS - 1)]
    assert rests == [0.0, 0.25, 0.5, 1.0, 2.0]


def test_dying_early_again_and_again_is_given_up() -> None:
    respawn = Respawn()
    rests = [respawn.died(lived_s=1.0) for _ in range(MOST_EARLY_DEATHS)]
    assert rests[-1] is None
    assert None not in rests[:-1]


def test_a_steady_life_starts_a_new_count() -> None:
    respawn = Respawn()
    for _ in range(MOST_EARLY_DEATHS - 1):
        respawn.died(lived_s=1.0)
    assert respawn.died(lived_s=STEADY_S) == 0.0


def test_a_death_by_config_is_never_given_up() -> None:
    respawn = Respawn()
    rests = [respawn.died(lived_s=1.0, forgivable=True) for _ in range(50)]
    assert rests[-1] == LONGEST_REST_S
