"""The `limits` section: what is refused, with its place in the file."""

from typing import Any

import pytest

from gateway.config.check import check
from gateway.config.parse import parse
from gateway.errors import ConfigFaults


def faults_of(limits: dict[str, Any]) -> list[str]:
    try:
        return [fault.path for fault in check(parse({"limits": limits}))]
    except ConfigFaults as faults:
        return [fault.path for fault in faults.faults]


def test_limits_of_all_kinds_have_no_fault() -> None:
    every = {
        "requests_per_minute": 60,
        "tokens_per_minute": 1_000_000,
        "concurrent": 4,
        "cost_per_day_usd": 0.1,
        "cost_per_month_usd": "25.50",
    }
    sets: dict[str, Any] = {"user": every, "token": every, "everyone": every}
    limits = parse({"limits": {**sets, "features": {"my.notes-2": every}}}).limits
    assert str(limits.user.cost_per_day_usd) == "0.1"
    assert limits.features["my.notes-2"] == limits.everyone
    assert faults_of({**sets, "timezone": "America/New_York", "reserve_output": 1}) == []


@pytest.mark.parametrize(
    ("limits", "path"),
    [
        ({"timezone": "Mars/Olympus"}, "limits.timezone"),
        ({"timezone": "Europe"}, "limits.timezone"),
        ({"timezone": "../etc/passwd"}, "limits.timezone"),
        ({"timezone": ""}, "limits.timezone"),
        ({"reserve_output": 0}, "limits.reserve_output"),
        ({"when_store_is_away": "pray"}, "limits.when_store_is_away"),
        ({"user": {"requests_per_minute": 0}}, "limits.user.requests_per_minute"),
        ({"user": {"requests": 5}}, "limits.user.requests"),
        ({"token": {"cost_per_day_usd": -1}}, "limits.token.cost_per_day_usd"),
        ({"everyone": {"cost_per_month_usd": "NaN"}}, "limits.everyone.cost_per_month_usd"),
        ({"everyone": {"cost_per_month_usd": 2_000_000}}, "limits.everyone.cost_per_month_usd"),
        ({"features": {"Notes": {}}}, "limits.features.Notes"),
        (
            {"features": {"notes": {"cost_per_day_usd": "Infinity"}}},
            "limits.features.notes.cost_per_day_usd",
        ),
        ({"features": {f"f{n}": {} for n in range(201)}}, "limits.features"),
    ],
)
def test_a_fault_is_told_with_its_place(limits: dict[str, Any], path: str) -> None:
    assert faults_of(limits) == [path]
