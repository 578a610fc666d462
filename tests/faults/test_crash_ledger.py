"""The crash harness at a small size (`crash_ledger.py` is the full one)."""

from pathlib import Path

import pytest

from tests.faults.crash_ledger import Options, run


@pytest.mark.slow
def test_g13_g14_g15_every_sale_has_its_row_whatever_is_killed(tmp_path: Path) -> None:
    """G-03, G-09, G-13, G-14, G-15, H-08. Workers, gateway and store die under load."""
    result = run(tmp_path / "house", Options(kills=12, callers=8, users=3, other_share=0.0))

    assert result.verdict.faults == []
    assert result.settled
    assert result.flush_was_told
    assert sum(result.killed.values()) == 12
    assert len(result.killed) >= 6
    assert len(result.events) >= 4
    assert result.verdict.certainties["measured"] > 20
    assert result.verdict.estimates > 0
