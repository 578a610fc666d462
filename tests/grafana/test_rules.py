"""The rules are well formed, every alert can fire, and none fires while all is well."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.grafana import expressions
from tests.grafana.expressions import ALERTS, GRAFANA, RECORDING
from tests.grafana.prometheus import tool

RUNBOOKS = GRAFANA / "README.md"
G = 'instance="a:80"'

# Prometheus' notation: `start+step x steps`, a sample a minute.
WELL = {
    f"gateway_workers{{{G}}}": "2x600",
    f"gateway_worker_starts_total{{{G}}}": "2x600",
    f'gateway_requests_total{{{G},origin="none"}}': "0+600x600",
    f'gateway_requests_total{{{G},origin="gateway"}}': "0x600",
    f'gateway_overhead_seconds_bucket{{{G},le="0.01"}}': "0+600x600",
    f'gateway_overhead_seconds_bucket{{{G},le="+Inf"}}': "0+600x600",
    f"gateway_store_failures_total{{{G}}}": "0x600",
    f"gateway_config_reload_failures_total{{{G}}}": "0x600",
    f"gateway_config_hash{{{G}}}": "17x600",
    'gateway_config_hash{instance="b:80"}': "17x600",
    f"gateway_spool_records_lost_total{{{G}}}": "0x600",
    f"gateway_ledger_rows_failed_total{{{G}}}": "0x600",
    f"gateway_spool_unreadable_frames_total{{{G}}}": "0x600",
    f"gateway_spool_failures_total{{{G}}}": "0x600",
    f"gateway_spool_backlog{{{G}}}": "0 300 0 5 0 2x595",
    f'gateway_ledger_rows_total{{{G},certainty="measured"}}': "0+600x600",
    f'gateway_ledger_rows_total{{{G},certainty="estimated"}}': "0+6x600",
    f'gateway_unpriced_requests_total{{{G},provider="openai",price_state="unknown"}}': "3x600",
    f'gateway_cost_dollars_total{{{G},provider="openai"}}': "0+1x600",
    f'gateway_attempts_total{{{G},provider="openai",outcome="ok"}}': "0+600x600",
    f'gateway_attempts_total{{{G},provider="openai",outcome="server"}}': "0+6x600",
    f'gateway_attempts_total{{{G},provider="openai",outcome="key_rejected"}}': "0+30x600",
    f'gateway_time_to_first_token_seconds_bucket{{{G},provider="openai",le="1"}}': "0+600x600",
    f'gateway_time_to_first_token_seconds_bucket{{{G},provider="openai",le="+Inf"}}': "0+600x600",
    f'gateway_chunk_gap_seconds_bucket{{{G},provider="openai",le="0.5"}}': "0+600x600",
    f'gateway_chunk_gap_seconds_bucket{{{G},provider="openai",le="+Inf"}}': "0+600x600",
    f'gateway_limits_unchecked_total{{{G},policy="local"}}': "0x600",
    f"gateway_reservations_held{{{G}}}": "4x600",
    f"gateway_requests_in_flight{{{G}}}": "5x600",
    f"gateway_record_integrity_failures_total{{{G}}}": "0x600",
    f"gateway_erasures_pending{{{G}}}": "0 2 2 0x597",
    f"gateway_kek_primary{{{G}}}": "1x600",
    'gateway_kek_primary{instance="b:80"}': "1x600",
    f'gateway_dek_rotations_total{{{G},why="asked",outcome="failed"}}': "0x600",
}

# What is otherwise than well, and after how many minutes the alert has fired.
TROUBLE: dict[str, tuple[dict[str, str], int]] = {
    "GatewayAbsent": ({f"gateway_workers{{{G}}}": "2x10"}, 30),
    "GatewayOwnErrorsFast": (
        {f'gateway_requests_total{{{G},origin="gateway"}}': "0x500 12+12x99"},
        565,
    ),
    "GatewayOwnErrorsSlow": ({f'gateway_requests_total{{{G},origin="gateway"}}': "0+5x600"}, 400),
    "GatewayOverheadHigh": (
        {
            f'gateway_overhead_seconds_bucket{{{G},le="0.01"}}': "0x600",
            f'gateway_overhead_seconds_bucket{{{G},le="1"}}': "0+600x600",
        },
        30,
    ),
    "GatewayWorkersDie": ({f"gateway_worker_starts_total{{{G}}}": "2+1x600"}, 30),
    "GatewayStoreAway": ({f"gateway_store_failures_total{{{G}}}": "0+1x600"}, 10),
    "GatewayConfigRefused": (
        {f"gateway_config_reload_failures_total{{{G}}}": "0x20 2x580"},
        25,
    ),
    "GatewayConfigsDiffer": ({'gateway_config_hash{instance="b:80"}': "18x600"}, 30),
    "GatewayBookingsLost": ({f"gateway_ledger_rows_failed_total{{{G}}}": "0x20 1x580"}, 25),
    "GatewayDiskRefusesSpool": ({f"gateway_spool_failures_total{{{G}}}": "0x20 1x580"}, 23),
    "GatewayBookingsWait": ({f"gateway_spool_backlog{{{G}}}": "200+9x600"}, 30),
    "GatewayUsageEstimated": (
        {f'gateway_ledger_rows_total{{{G},certainty="estimated"}}': "0+60x600"},
        120,
    ),
    "GatewayPriceUnknown": (
        {
            f'gateway_unpriced_requests_total{{{G},provider="openai",price_state="unknown"}}': (
                "0+1x600"
            )
        },
        80,
    ),
    "GatewaySpendSurges": (
        {f'gateway_cost_dollars_total{{{G},provider="openai"}}': "0+0.01x480 5+3x120"},
        580,
    ),
    "GatewayProviderFails": (
        {f'gateway_attempts_total{{{G},provider="openai",outcome="server"}}': "0+1200x600"},
        20,
    ),
    "GatewayProviderSlow": (
        {
            f'gateway_time_to_first_token_seconds_bucket{{{G},provider="openai",le="1"}}': "0x600",
            f'gateway_time_to_first_token_seconds_bucket{{{G},provider="openai",le="60"}}': (
                "0+600x600"
            ),
        },
        30,
    ),
    "GatewayStreamsStall": (
        {
            f'gateway_chunk_gap_seconds_bucket{{{G},provider="openai",le="0.5"}}': "0x600",
            f'gateway_chunk_gap_seconds_bucket{{{G},provider="openai",le="10"}}': "0+600x600",
        },
        30,
    ),
    "GatewayKeysRejected": (
        {f'gateway_attempts_total{{{G},provider="openai",outcome="key_rejected"}}': "0+600x600"},
        40,
    ),
    "GatewayLimitsUnchecked": (
        {f'gateway_limits_unchecked_total{{{G},policy="local"}}': "0+1x600"},
        10,
    ),
    "GatewayReservationsLeak": ({f"gateway_reservations_held{{{G}}}": "9x600"}, 40),
    "GatewayRecordsDoNotOpen": (
        {f"gateway_record_integrity_failures_total{{{G}}}": "0x20 1x580"},
        25,
    ),
    "GatewayErasureUnfinished": ({f"gateway_erasures_pending{{{G}}}": "1x600"}, 430),
    "GatewayKeyRingsDiffer": ({'gateway_kek_primary{instance="b:80"}': "2x600"}, 70),
    "GatewayDataKeyRotationFails": (
        {f'gateway_dek_rotations_total{{{G},why="asked",outcome="failed"}}': "0x20 1x580"},
        25,
    ),
}


def firing(home: Path, series: dict[str, str], minutes: int, expected: list[str]) -> str:
    """Let promtool evaluate the rules over `series`; return its complaints, none if all is as said.

    `expected` are the alerts that fire then, and no other.
    """
    case: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": name, "values": each} for name, each in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minutes}m",
                "exp_samples": [
                    {"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected
                ],
            }
        ],
    }
    test = {
        "rule_files": [str(RECORDING), str(ALERTS)],
        "evaluation_interval": "1m",
        "tests": [case],
    }
    path = home / "rules_test.yaml"
    path.write_text(yaml.safe_dump(test), encoding="utf-8")
    done = run("test", "rules", str(path))
    return "" if done.returncode == 0 else done.stdout + done.stderr


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [tool("promtool"), *arguments], capture_output=True, text=True, check=False
    )


def test_promtool_finds_no_fault_in_the_rules() -> None:
    done = run("check", "rules", str(RECORDING), str(ALERTS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_no_fault_in_the_config_of_the_readme(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(# prometheus.yml\n.*?)```", RUNBOOKS.read_text(), re.DOTALL)
    assert found is not None
    token = tmp_path / "token"
    token.touch()
    shown = found[1].replace("/etc/prometheus/gateway-admin-token", str(token))
    (tmp_path / "prometheus.yml").write_text(shown, encoding="utf-8")
    (tmp_path / "rules").symlink_to(RECORDING.parent)
    done = run("check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", TROUBLE)
def test_an_alert_fires_alone_in_its_trouble(tmp_path: Path, alert: str) -> None:
    series, minutes = TROUBLE[alert]
    assert firing(tmp_path, WELL | series, minutes, [alert]) == ""


@pytest.mark.parametrize("minutes", [30, 120, 590])
def test_no_alert_fires_while_all_is_well(tmp_path: Path, minutes: int) -> None:
    assert firing(tmp_path, WELL, minutes, []) == ""


def test_every_alert_has_its_trouble_here_and_its_runbook_there() -> None:
    alerts = expressions.rules(ALERTS)
    page = RUNBOOKS.read_text(encoding="utf-8")
    assert {alert["alert"] for alert in alerts} == set(TROUBLE)
    for alert in alerts:
        name, notes = alert["alert"], alert["annotations"]
        assert set(notes) == {"summary", "meaning", "action", "runbook"}, name
        assert alert["labels"]["severity"] in ("page", "ticket"), name
        assert notes["runbook"] == f"grafana/README.md#{name.lower()}", name
        assert re.search(rf"^### {name}$", page, re.MULTILINE), f"no runbook for {name}"


def test_recording_rules_are_named_by_level_metric_and_operation() -> None:
    for rule in expressions.rules(RECORDING):
        assert re.fullmatch(r"(gateway|provider):\w+:\w+", rule["record"]), rule["record"]
        used = [each for each in expressions.of_rules() if rule["record"] in each.promql]
        assert used, f"nothing reads {rule['record']}"
