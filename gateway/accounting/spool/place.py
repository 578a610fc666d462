"""Where spools lie: one folder per writer below `<data directory>/spool`, and who may touch it.

    <writer>/lock         locked by the process that writes or drains the folder, for its life
    <writer>/00000001.seg segments, in the order in which they were written
    <writer>/drained      how far the store has taken them: `{"segment": 3, "offset": 4711}`
    <writer>/unreadable   frames that could not be read, for whoever wants to look

A writer is one life of one worker: a new process writes a new folder, and takes over the folders
of the dead. A folder is locked with `flock`, which the kernel frees however its holder ends.
"""

import contextlib
import errno
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from gateway.store.lock import FileLock

_SEGMENT: Final = re.compile(r"(\d{8})\.seg")
_WRITER: Final = re.compile(r"[a-z0-9-]{1,64}")


class Position(Struct, frozen=True, order=True):
    """A place in a spool: between two frames of a segment."""

    segment: int = 1
    offset: int = 0


class SpoolDir:
    """One writer's folder, held by this process. Make it with `create` or `adopt`."""

    def __init__(self, path: Path, lock: FileLock) -> None:
        self.path = path
        self.writer = path.name
        self._lock = lock

    def segment(self, number: int) -> Path:
        """Return the path of a segment."""
        return self.path / f"{number:08d}.seg"

    def segments(self) -> list[int]:
        """Return the numbers of the segments that are there, ascending."""
        found = (_SEGMENT.fullmatch(name) for name in os.listdir(self.path))
        return sorted(int(match[1]) for match in found if match)

    def read_drained(self) -> Position:
        """Return how far the store has taken this spool; the beginning where that is not known."""
        try:
            return msgspec.json.decode((self.path / "drained").read_bytes(), type=Position)
        except (OSError, msgspec.DecodeError):
            return Position()

    def write_drained(self, position: Position) -> None:
        """Note how far the store has taken it. Raises OSError."""
        draft = self.path / "drained.new"
        draft.write_bytes(msgspec.json.encode(position))
        draft.replace(self.path / "drained")

    def quarantine(self, data: bytes) -> None:
        """Keep what could not be read; as much of it as the disk takes."""
        with contextlib.suppress(OSError), (self.path / "unreadable").open("ab") as file:
            file.write(data)

    def remove(self) -> None:
        """Delete the folder, when nothing in it is needed any more. Raises OSError."""
        for name in os.listdir(self.path):
            if name != "lock":
                (self.path / name).unlink()
        (self.path / "lock").unlink()
        self.path.rmdir()
        self._lock.close()

    def make_again(self) -> None:
        """Make the folder anew after somebody has removed it. Raises OSError."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(self.path / "lock")
        if not lock.try_exclusive():
            lock.close()
            raise OSError(errno.EBUSY, "held by another process")
        self._lock.close()
        self._lock = lock

    def release(self) -> None:
        """Let go of the folder: from now on another process may take it over."""
        self._lock.close()


def create(root: Path, writer: str) -> SpoolDir:
    """Make and lock the folder of a new writer. Raises OSError where that cannot be."""
    if _WRITER.fullmatch(writer) is None:
        raise ValueError("a writer's name is 1 to 64 of a-z, 0-9 and '-'")
    path = root / writer
    path.mkdir(mode=0o700, parents=True)
    lock = FileLock(path / "lock")
    if not lock.try_exclusive():  # somebody took it for a dead one's in this very moment
        lock.close()
        raise OSError(f"the spool {writer} is held by another process")
    return SpoolDir(path, lock)


def adopt(root: Path, held: Collection[str] = ()) -> list[SpoolDir]:
    """Take over every folder below `root` whose writer is dead and that nobody else has.

    `held` are the writers whose folders this process has; a folder without a lock is being made.
    """
    taken = []
    for path in _folders(root):
        if path.name in held or not (path / "lock").exists():
            continue
        try:
            lock = FileLock(path / "lock")
        except OSError:  # removed meanwhile
            continue
        # The lock may be on a file that its last holder has just removed.
        if lock.try_exclusive() and (path / "lock").exists():
            taken.append(SpoolDir(path, lock))
        else:
            lock.close()
    return taken


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if _WRITER.fullmatch(path.name))
    except FileNotFoundError:
        return []
