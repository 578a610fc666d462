"""Reads the secrets that a configuration names: from environment variables or files, never itself.

The secrets of the deployment (`keys`) are not read here but by the vault, which makes missing ones
on a first run and guards their files.
"""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from gateway.config.schema import Config
from gateway.config.urls import store_url_fault
from gateway.errors import ConfigError
from gateway.types.secret import Secret

_MAX_BYTES = 64 * 1024


class Secrets(Struct, frozen=True):
    """The opened secrets of one configuration: platform keys by provider, and the store's URL."""

    platform_keys: Mapping[str, Secret] = {}
    store_url: Secret | None = None


def read_secrets(config: Config, environ: Mapping[str, str]) -> tuple[Secrets, list[ConfigError]]:
    """Return the secrets, and a fault for each that is named but not there."""
    faults: list[ConfigError] = []
    keys: dict[str, Secret] = {}
    for name, provider in config.providers.items():
        secret = _read(
            provider.platform_key_env,
            provider.platform_key_file,
            f"providers.{name}.platform_key",
            environ,
            faults,
        )
        if secret is not None and provider.enabled:
            keys[name] = secret
    store = config.store
    url = _read(store.url_env, store.url_file, "store.url", environ, faults)
    if url is not None and (fault := store_url_fault(url.reveal(), is_secret=True)):
        faults.append(ConfigError(fault, "store"))
    if url is None and store.url is not None:
        url = Secret(store.url)
    return Secrets(keys, url), faults


def _read(
    variable: str | None,
    file: str | None,
    path: str,
    environ: Mapping[str, str],
    faults: list[ConfigError],
) -> Secret | None:
    if variable is not None:
        return _checked(environ.get(variable), f"{path}_env", f"variable {variable}", faults)
    if file is None:
        return None
    try:
        text = _read_file(Path(file))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not short UTF-8 text"
        faults.append(ConfigError(f"file {file} cannot be read: {reason}", f"{path}_file"))
        return None
    return _checked(text, f"{path}_file", f"file {file}", faults)


def _read_file(path: Path) -> str:
    """Return a small text file. Raises OSError, and ValueError for what is no such file."""
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError("too long for a secret")
    return content.decode()


def _checked(text: str | None, path: str, place: str, faults: list[ConfigError]) -> Secret | None:
    """Refuse at start what would fail with every request: an empty or broken-up value."""
    if text is None:
        faults.append(ConfigError(f"{place} is not set", path))
        return None
    value = text.strip()
    if not value:
        faults.append(ConfigError(f"{place} is empty", path))
        return None
    if not value.isascii() or not value.isprintable() or " " in value:
        faults.append(ConfigError(f"{place} holds spaces or characters no secret has", path))
        return None
    return Secret(value)
