"""Where the deployment's secrets are read from and, on the first run, written to.

A secret comes from an environment variable, from a file that only this process can read, or from a
program. Nothing here ever puts a value into a message.
"""

import errno
import os
import stat
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from gateway.config.schema import KeysConfig
from gateway.errors import ConfigError
from gateway.vault.key_command import run_key_command

_ALLOWED_MODES: Final = (0o400, 0o600)
_MAX_BYTES: Final = 64 * 1024


class SecretSource(Struct, frozen=True):
    """Where one secret is. `setting` is how messages name it (`keys.kek`).

    The variable wins where it is set; `generate` allows a missing file to be made on the first run.
    A `command` is there instead of both.
    """

    setting: str
    path: Path | None = None
    variable: str | None = None
    generate: bool = False
    command: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Where it is expected, for messages."""
        if self.command:
            return f"the output of {self.command[0]}"
        return " or ".join(
            ([f"the file {self.path}"] if self.path else [])
            + ([f"the variable {self.variable}"] if self.variable else [])
        )


class KeySources(Struct, frozen=True):
    """The secrets a deployment starts with: KEK ring, pepper of tokens, signing key of receipts."""

    kek: SecretSource
    pepper: SecretSource
    receipt: SecretSource


def key_sources(keys: KeysConfig, data_dir: Path) -> KeySources:
    """Return where the config says the secrets are; else files of ours below the data directory.

    Only a file of ours is made on a first run: one the operator names must be there.
    """
    own = data_dir / "keys"
    kek = _source("keys.kek", keys.kek_file, keys.kek_env, own / "kek.json")
    if keys.kek_command:
        kek = SecretSource("keys.kek_command", command=keys.kek_command)
    return KeySources(
        kek=kek,
        pepper=_source("keys.pepper", keys.pepper_file, keys.pepper_env, own / "pepper"),
        receipt=_source("keys.receipt", keys.receipt_file, keys.receipt_env, own / "receipt.key"),
    )


def _source(setting: str, file: str | None, variable: str | None, default: Path) -> SecretSource:
    if file is None and variable is None:
        return SecretSource(setting, default, generate=True)
    kind = "env" if file is None else "file"
    return SecretSource(f"{setting}_{kind}", Path(file) if file else None, variable)


def read_source(source: SecretSource, environ: MutableMapping[str, str]) -> str | None:
    """Return the text of a secret, None if it is nowhere.

    A variable is removed from `environ` (the caller's `os.environ`) once read, so that no child
    inherits it. Raises ConfigError for a file that others could read or have put there, and for a
    program that does not print a secret. Blocks; a program for up to ten seconds.
    """
    if source.command:
        return run_key_command(source.command, source.setting)
    if source.variable is not None and source.variable in environ:
        return environ.pop(source.variable)
    return None if source.path is None else _read_private_file(source.path, source.setting)


def write_new_secret(path: Path, text: str, setting: str) -> bool:
    """Write a secret to a new file of mode 0600, whole or not at all.

    Returns False if the file exists already (another process was first). Raises ConfigError if the
    place cannot be written.
    """
    return _write_secret(path, text, setting, _link_new)


def replace_secret(path: Path, text: str, setting: str) -> None:
    """Write a secret in the place of the one in a file, mode 0600: at any moment one of the two.

    One process at a time. Raises ConfigError if the place cannot be written.
    """
    for left in path.parent.glob(f".{path.name}.*"):  # by one that was killed while it wrote
        left.unlink(missing_ok=True)
    _write_secret(path, text, setting, _put_in_place)


def _write_secret(
    path: Path, text: str, setting: str, give_name: Callable[[Path, Path], bool]
) -> bool:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            return give_name(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {os.strerror(error.errno or 0)}", setting
        ) from None


def _link_new(draft: Path, path: Path) -> bool:
    """Give the finished file its name: a hard link never replaces an existing one."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    _sync_folder(path)
    return True


def _put_in_place(draft: Path, path: Path) -> bool:
    draft.replace(path)
    _sync_folder(path)
    return True


def _sync_folder(path: Path) -> None:
    """Make a file's name last, not only its content."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read_private_file(path: Path, setting: str) -> str | None:
    # NONBLOCK: a pipe put in the file's place must not hang the start.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        why = "is a symbolic link" if error.errno == errno.ELOOP else os.strerror(error.errno or 0)
        raise ConfigError(f"{path}: {why}", setting) from None
    try:
        _refuse_exposed(os.fstat(descriptor), path, setting)
        content = os.read(descriptor, _MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > _MAX_BYTES:
        raise ConfigError(f"{path} is too large for a key file", setting)
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text", setting) from None


def _refuse_exposed(found: os.stat_result, path: Path, setting: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{path} is not a regular file", setting)
    if found.st_uid != os.geteuid():
        raise ConfigError(f"{path} belongs to another user than the gateway runs as", setting)
    mode = stat.S_IMODE(found.st_mode)
    if mode not in _ALLOWED_MODES:
        raise ConfigError(f"{path} has mode {mode:04o}; it must be 0600 or 0400", setting)
