"""One question to a local store over its socket, without an event loop.

Starting, adopting and stopping the embedded server is the parent's work, and the parent stays
small: `redis` alone would triple its memory.
"""

import socket
from pathlib import Path
from typing import Any

import hiredis

from gateway.store.pack import pack


class NoAnswer(Exception):
    """Nothing answers at the socket, or not in time."""


class Refused(Exception):
    """The server answered with an error; the text is its own."""


def ask(path: Path, *command: str, timeout_s: float = 1.0) -> Any:
    """Send one command and return its reply: bytes, int, list or None.

    Raises NoAnswer, or Refused for an error reply (`LOADING …`).
    """
    reader = hiredis.Reader(replyError=Refused)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout_s)
        try:
            client.connect(str(path))
            client.sendall(pack(command))
            while (reply := reader.gets()) is False:
                data = client.recv(65536)
                if not data:
                    raise NoAnswer("closed without an answer")
                reader.feed(data)
        except OSError as exc:
            raise NoAnswer(type(exc).__name__) from exc
    if isinstance(reply, Refused):
        raise reply
    return reply
