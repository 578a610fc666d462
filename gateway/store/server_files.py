"""The embedded server's files, and the configuration it is started with."""

import contextlib
import os
import tempfile
from pathlib import Path

from msgspec import Struct

MAX_SOCKET_PATH_BYTES = 100
"""`sun_path` holds 108 bytes on Linux and 104 on macOS, the closing zero included."""


class Files(Struct, frozen=True):
    """The places of one embedded server."""

    dir: Path
    config: Path
    log: Path
    moved_socket: Path  # holds the socket's path where the directory's own is too long


def files_of(data_dir: Path) -> Files:
    """Return the places below `data_dir`; makes nothing."""
    base = data_dir / "store"
    return Files(base, base / "server.conf", base / "server.log", base / "socket.path")


def place_socket(files: Files) -> Path:
    """Return where the socket is: in the directory, or in a short private one of its own."""
    inside = files.dir / "store.sock"
    if len(os.fsencode(inside)) <= MAX_SOCKET_PATH_BYTES:
        return inside
    with contextlib.suppress(OSError):
        known = Path(files.moved_socket.read_text())
        if known.parent.stat().st_uid == os.geteuid():
            return known
    # mkdtemp makes it 0700; the path is remembered so that everybody finds the same socket.
    moved = Path(tempfile.mkdtemp(prefix="gateway-")) / "store.sock"
    files.moved_socket.write_text(str(moved))
    return moved


def write_config(files: Files, socket: Path) -> str:
    """Return the server's configuration; a difference is a reason to replace a running one."""
    settings = (
        ("port", "0"),
        ("unixsocket", _quote(socket)),
        ("unixsocketperm", "700"),
        ("dir", _quote(files.dir)),
        ("loglevel", "warning"),
        ("daemonize", "no"),
        ("databases", "1"),
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("save", '""'),
        ("maxmemory-policy", "noeviction"),
        ("maxclients", "1000"),
    )
    return "".join(f"{name} {value}\n" for name, value in settings)


def _quote(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
