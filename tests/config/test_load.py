import os
from pathlib import Path

import pytest

from gateway.config.load import check_config, load
from gateway.config.schema import Config
from gateway.errors import ConfigFaults
from gateway.types.secret import Secret


def faults_of(path: Path, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigFaults) as raised:
        load(path, environ or {})
    return [str(fault) for fault in raised.value.faults]


def written(folder: Path, text: str) -> Path:
    path = folder / "gateway.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_the_defaults_hold() -> None:
    assert load(None, {}).config == Config()


def test_secrets_come_from_where_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-from-file\n")
    path = written(
        tmp_path,
        f"""
        store: {{url_env: STORE}}
        providers:
          openai: {{platform_key_env: OPENAI}}
          groq: {{platform_key_file: {tmp_path}/key}}
          xai: {{platform_key_env: XAI, enabled: false}}
        """,
    )
    environ = {"OPENAI": "sk-from-env", "STORE": "redis://:pw@host:6379/0", "XAI": "xai-off"}
    loaded = load(path, environ)
    assert loaded.secrets.platform_keys == {
        "openai": Secret("sk-from-env"),
        "groq": Secret("sk-from-file"),
    }
    assert loaded.secrets.store_url == Secret("redis://:pw@host:6379/0")
    shown = repr(loaded) + str(loaded)
    assert not any(word in shown for word in ("sk-from", ":pw@"))


def test_a_secret_that_is_named_but_not_there_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "two").write_text("sk-a sk-b")
    (tmp_path / "long").write_bytes(b"x" * 70_000)
    path = written(
        tmp_path,
        f"""providers:
  openai: {{platform_key_env: MISSING}}
  anthropic: {{platform_key_env: EMPTY}}
  groq: {{platform_key_file: {tmp_path}/none}}
  xai: {{platform_key_file: {tmp_path}/empty}}
  deepseek: {{platform_key_file: {tmp_path}/two}}
  together: {{platform_key_file: {tmp_path}/long}}
  cerebras: {{platform_key_file: {tmp_path}}}
""",
    )
    assert faults_of(path, {"EMPTY": " "}) == [
        "providers.openai.platform_key_env: variable MISSING is not set (line 2)",
        "providers.anthropic.platform_key_env: variable EMPTY is empty (line 3)",
        f"providers.groq.platform_key_file: file {tmp_path}/none cannot be read: "
        "No such file or directory (line 4)",
        f"providers.xai.platform_key_file: file {tmp_path}/empty is empty (line 5)",
        f"providers.deepseek.platform_key_file: file {tmp_path}/two holds spaces or characters "
        "no secret has (line 6)",
        f"providers.together.platform_key_file: file {tmp_path}/long cannot be read: "
        "not short UTF-8 text (line 7)",
        f"providers.cerebras.platform_key_file: file {tmp_path} cannot be read: "
        "Is a directory (line 8)",
    ]


def test_a_fault_never_shows_a_secret(tmp_path: Path) -> None:
    path = written(tmp_path, "providers: {openai: {platform_key_env: KEY}}\nstore: {url_env: URL}")
    shown = faults_of(path, {"KEY": "sk-canary with space", "URL": "http://:pw-canary@host"})
    assert len(shown) == 2
    assert not any("canary" in fault for fault in shown)


def test_faults_of_every_kind_carry_their_line(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "workers: 2\nuser_defaults:\n  provider: nobody\nproviders:\n  house:\n"
        "    type: openai_compatible\n",
    )
    assert faults_of(path) == [
        "providers.house.base_url: a provider of type 'openai_compatible' needs a "
        "base_url (line 6)",
        "user_defaults.provider: there is no provider 'nobody', or it is switched off (line 3)",
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"a: 1\n" * 300_000,
        b"- 1\n",
        b"workers: [",
        b"workers: two",
        b"wokers: 2",
        b"workers: !!python/object/apply:os.getpid []",
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_bytes(content)
    assert len(faults_of(path)) == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert faults_of(tmp_path / "no.yaml") == [
        f"{tmp_path}/no.yaml cannot be read: No such file or directory"
    ]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_bytes(b"\xef\xbb\xbfworkers: 2\n")
    assert load(path, {}).config.workers == 2


def test_the_environment_is_that_of_the_process_unless_another_is_given(tmp_path: Path) -> None:
    name = next(name for name, value in os.environ.items() if value.isalnum())
    path = written(tmp_path, f"providers: {{openai: {{platform_key_env: {name}}}}}")
    assert load(path).secrets.platform_keys["openai"].reveal() == os.environ[name]


def test_a_check_also_looks_for_the_deployments_own_secrets(tmp_path: Path) -> None:
    path = written(tmp_path, "keys: {kek_env: KEK, pepper_env: PEPPER}\n")
    assert load(path, {}).config.keys.kek_env == "KEK"
    assert [str(f) for f in check_config(path, {"KEK": "x"})] == [
        "keys.pepper_env: variable PEPPER is not set"
    ]
    assert check_config(path, {"KEK": "x", "PEPPER": "y"}) == []


def test_a_check_returns_faults_instead_of_raising(tmp_path: Path) -> None:
    path = written(tmp_path, "workers: 0\nlimits: {max_body_bytes: 1}\n")
    assert [fault.path for fault in check_config(path, {})] == ["workers", "limits.max_body_bytes"]
