"""Reading secrets from where they are kept, and refusing them where others could reach them."""

import os
import stat
from pathlib import Path

import pytest

from gateway.config.schema import KeysConfig
from gateway.errors import ConfigError
from gateway.vault.key_files import (
    SecretSource,
    key_sources,
    read_source,
    replace_secret,
    write_new_secret,
)


def private_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_read(tmp_path: Path, mode: int) -> None:
    path = private_file(tmp_path / "kek", "the-value\n", mode)

    assert read_source(SecretSource("keys.kek", path), {}) == "the-value\n"


def test_a_variable_wins_and_is_removed_once_read(tmp_path: Path) -> None:
    source = SecretSource("keys.kek", private_file(tmp_path / "kek", "from-file"), "GATEWAY_KEK")
    environ = {"GATEWAY_KEK": "from-variable", "PATH": "/bin"}

    assert read_source(source, environ) == "from-variable"
    assert environ == {"PATH": "/bin"}
    assert read_source(source, environ) == "from-file"


def test_a_secret_that_is_nowhere_is_none(tmp_path: Path) -> None:
    assert read_source(SecretSource("keys.kek", tmp_path / "none", "GATEWAY_KEK"), {}) is None
    assert read_source(SecretSource("keys.kek", None, "GATEWAY_KEK"), {}) is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o700, 0o4600])
def test_b08_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """B-08. The message names the setting, never the value."""
    path = private_file(tmp_path / "kek", "the-value", mode)

    with pytest.raises(ConfigError) as caught:
        read_source(SecretSource("keys.kek", path), {})

    assert "keys.kek" in str(caught.value)
    assert "the-value" not in str(caught.value)


def test_b08_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    """B-08."""
    private_file(tmp_path / "real", "the-value")
    (tmp_path / "kek").symlink_to(tmp_path / "real")

    with pytest.raises(ConfigError, match="symbolic link"):
        read_source(SecretSource("keys.kek", tmp_path / "kek"), {})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_b08_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """B-08."""
    path = private_file(tmp_path / "kek", "the-value")
    os.chown(path, 12345, -1)

    with pytest.raises(ConfigError, match="another user"):
        read_source(SecretSource("keys.kek", path), {})


def test_a_pipe_in_the_files_place_does_not_hang_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "kek", 0o600)

    with pytest.raises(ConfigError, match="regular file"):
        read_source(SecretSource("keys.kek", tmp_path / "kek"), {})


def test_a_directory_an_unreadable_encoding_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(bytes(range(128, 160)))
    binary.chmod(0o600)

    for path in (tmp_path, binary, private_file(tmp_path / "huge", "x" * 70_000)):
        with pytest.raises(ConfigError):
            read_source(SecretSource("keys.kek", path), {})


def test_a_new_secret_is_private_whatever_the_umask_and_never_replaces_one(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "kek.json"
    before = os.umask(0)
    try:
        assert write_new_secret(path, "first", "keys.kek")
    finally:
        os.umask(before)

    assert not write_new_secret(path, "second", "keys.kek")
    assert path.read_text() == "first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["kek.json"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file where the directory should be")

    with pytest.raises(ConfigError) as caught:
        write_new_secret(tmp_path / "keys" / "kek.json", "the-value", "keys.kek")

    assert "kek.json" in str(caught.value)
    assert "the-value" not in str(caught.value)


def test_without_a_word_in_the_config_the_files_lie_below_the_data_directory(
    tmp_path: Path,
) -> None:
    sources = key_sources(KeysConfig(), tmp_path)

    assert sources.kek == SecretSource(
        "keys.kek", tmp_path / "keys" / "kek.json", None, generate=True
    )
    assert sources.pepper.path == tmp_path / "keys" / "pepper"


def test_what_the_config_names_is_never_made_and_is_called_by_its_setting(tmp_path: Path) -> None:
    sources = key_sources(KeysConfig(kek_file="/run/kek", pepper_env="MY_PEPPER"), tmp_path)

    assert sources.kek == SecretSource("keys.kek_file", Path("/run/kek"))
    assert sources.pepper == SecretSource("keys.pepper_env", variable="MY_PEPPER")


def test_a_secret_is_replaced_whole_and_what_a_killed_writer_left_is_removed(
    tmp_path: Path,
) -> None:
    path = private_file(tmp_path / "kek.json", "first", 0o400)
    private_file(tmp_path / ".kek.json.4711", "half of a ri")
    private_file(tmp_path / "kek.json.bak", "the operator's own")

    replace_secret(path, "second", "keys.kek")

    assert path.read_text() == "second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["kek.json", "kek.json.bak"]


def test_a_secret_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    (tmp_path / "kek.json").mkdir()

    with pytest.raises(ConfigError, match="cannot write") as caught:
        replace_secret(tmp_path / "kek.json", "the-value", "keys.kek")

    assert "the-value" not in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["kek.json"]
