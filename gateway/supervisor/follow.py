"""A child's end of the pipe from its parent: messages, and the parent's death.

The parent holds the only write end, so the kernel itself reports its death, however it dies.
"""

import os
import threading
from collections.abc import Callable


def read_line(fd: int) -> bytes:
    """Return the first message, and leave what follows it to `follow_parent`."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(fd, 1)
        if not byte:
            raise EOFError("the parent has gone")
        line += byte
    return line


def follow_parent(
    fd: int, on_message: Callable[[str], None], on_gone: Callable[[], None]
) -> threading.Thread:
    """Call `on_message` for each line from the parent and `on_gone` when it has died.

    Both run in a thread of their own, so that a child whose event loop hangs still notices.
    """
    thread = threading.Thread(
        target=_read, args=(fd, on_message, on_gone), name="follow-parent", daemon=True
    )
    thread.start()
    return thread


def _read(fd: int, on_message: Callable[[str], None], on_gone: Callable[[], None]) -> None:
    with os.fdopen(fd, "rb", buffering=0) as pipe:
        rest = b""
        while data := pipe.read(4096):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                on_message(line.decode())
    on_gone()
