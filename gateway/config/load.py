"""The only reader of the config file and of the environment: text in, a checked configuration out."""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from gateway.config.check import check
from gateway.config.parse import parse
from gateway.config.schema import Config
from gateway.config.secrets import Secrets, read_secrets
from gateway.config.yaml_text import Document, read_yaml
from gateway.errors import ConfigError, ConfigFaults

_MAX_BYTES = 1024 * 1024


class Loaded(Struct, frozen=True):
    """A configuration without faults, and the secrets it names."""

    config: Config
    secrets: Secrets


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read and check the configuration; without a path, the defaults.

    `environ` is the process's own where none is given. Raises ConfigFaults with every fault, its
    path in the file and its line. Reads files: not for an event loop.
    """
    variables = environment() if environ is None else environ
    if path is None:
        return Loaded(Config(), Secrets())
    document = read_yaml(_read(path))
    try:
        return _load(document, variables)
    except ConfigFaults as faults:
        raise ConfigFaults([_with_line(fault, document) for fault in faults.faults]) from None


def check_config(path: Path, environ: Mapping[str, str] | None = None) -> list[ConfigError]:
    """Return every fault of a config file (for `gateway check`); none means that it would load.

    Beyond `load` it looks for the secrets of `keys`, which a running gateway no longer has in its
    environment.
    """
    variables = environment() if environ is None else environ
    try:
        loaded = load(path, variables)
    except ConfigFaults as faults:
        return list(faults.faults)
    return _check_keys(loaded.config, variables)


def environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ  # noqa: TID251  # the one place where it is read


def _load(document: Document, variables: Mapping[str, str]) -> Loaded:
    config = parse(document.value)
    secrets, missing = read_secrets(config, variables)
    faults = [*check(config), *missing]
    if faults:
        raise ConfigFaults(faults)
    return Loaded(config, secrets)


def _read(path: Path) -> str:
    """Return a file's text, refusing before it is held whole what no config file is."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigFaults([ConfigError(f"{path} cannot be read: {error.strerror}")]) from None
    if len(content) > _MAX_BYTES:
        raise ConfigFaults([ConfigError(f"{path} is larger than {_MAX_BYTES} bytes")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigFaults([ConfigError(f"{path} is not UTF-8 text")]) from None


def _with_line(fault: ConfigError, document: Document) -> ConfigError:
    line = document.line_of(fault.path)
    return fault if line is None else ConfigError(f"{fault.message} (line {line})", fault.path)


def _check_keys(config: Config, variables: Mapping[str, str]) -> list[ConfigError]:
    keys = config.keys
    named = (
        ("kek_env", keys.kek_env),
        ("pepper_env", keys.pepper_env),
        ("receipt_env", keys.receipt_env),
    )
    return [
        ConfigError(f"variable {variable} is not set", f"keys.{name}")
        for name, variable in named
        if variable is not None and not variables.get(variable)
    ]
