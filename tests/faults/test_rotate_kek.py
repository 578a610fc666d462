"""B-10 at a size that `make test` can afford; `python -m tests.faults.rotate_kek` is the full one."""

from pathlib import Path

from tests.faults.rotate_kek import SECRET, run


def test_b10_the_kek_is_replaced_under_load_by_a_command_that_is_killed_three_times(
    tmp_path: Path,
) -> None:
    """B-10. Killed after adding, after promoting and while rewrapping; finished by the fourth call.

    600 users, because the command wraps 500 at a time: so the last kill falls between two pages.
    """
    result = run(tmp_path / "gateway", users=600, rate=40, before_s=0.5)

    assert result.killed_at == ["added", "promoted", "rewrapping"]
    assert result.failures == {}
    assert result.requests > 100
    assert 0 < result.under_old_at_kill < 600
    assert result.last_run["resumed"]
    assert result.last_run["unreadable"] == 0
    assert (result.left, result.kek_ids, result.ring) == (0, [2], (2,))
    assert result.registry == ([2], [1])
    log = (tmp_path / "gateway" / "gateway.log").read_text()
    assert '"level":"error"' not in log
    assert SECRET not in log
