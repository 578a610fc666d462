from pathlib import Path

import pytest

from gateway.catalogue.lookup import Catalogue
from gateway.config.load import load
from gateway.config.reload import reload
from gateway.config.snapshot import Snapshots, compile_config
from gateway.errors import ConfigFaults
from gateway.types.secret import Secret


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def started(path: Path, catalogue: Catalogue, environ: dict[str, str]) -> Snapshots:
    loaded = load(path, environ)
    return Snapshots(compile_config(loaded.config, loaded.secrets, catalogue))


def test_a_changed_file_is_taken_into_use(tmp_path: Path, catalogue: Catalogue) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("providers: {openai: {platform_key_env: KEY}}")
    snapshots = started(path, catalogue, {"KEY": "sk-1"})
    before = snapshots.current
    path.write_text("providers: {openai: {platform_key_env: KEY}}\nretries: {max_attempts: 1}")
    after = reload(snapshots, path, {"KEY": "sk-2"})
    assert snapshots.current is after
    assert after.config.retries.max_attempts == 1
    assert after.providers["openai"].platform_key == Secret("sk-2")
    assert after.hash != before.hash
    assert before.providers["openai"].platform_key == Secret("sk-1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "retries: {max_attempts: 1",
        "retries: {max_attempts: many}",
        "retries: {max_attempt: 1}",
        "retries: {max_attempts: 1, max_attempts: 2}",
        "retries: !!python/object/apply:os.getpid []",
        "providers: {openai: {platform_key_env: NOT_SET}}",
    ],
)
def test_a_bad_file_changes_nothing(tmp_path: Path, catalogue: Catalogue, text: str) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("retries: {max_attempts: 2}")
    snapshots = started(path, catalogue, {})
    before = snapshots.current
    path.write_text(text)
    with pytest.raises(ConfigFaults):
        reload(snapshots, path, {})
    assert snapshots.current is before


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("listeners", "listeners: {port: 9090}"),
        ("workers", "workers: 3"),
        ("store", "store: {timeout_s: 0.1}"),
        ("keys", "keys: {kek_file: /k}"),
    ],
)
def test_what_needs_a_restart_is_refused_whole(
    tmp_path: Path, catalogue: Catalogue, section: str, text: str
) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("retries: {max_attempts: 2}")
    snapshots = started(path, catalogue, {})
    before = snapshots.current
    path.write_text(f"{text}\nretries: {{max_attempts: 9}}")
    with pytest.raises(ConfigFaults) as raised:
        reload(snapshots, path, {})
    assert [fault.path for fault in raised.value.faults] == [section]
    assert "restart" in str(raised.value)
    assert snapshots.current is before
