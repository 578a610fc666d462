"""From names to addresses, without blocking the loop and without letting one name block the others."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol


class Resolver(Protocol):
    """Where `dial.py` learns a host's addresses: once per connect, never cached."""

    async def resolve(self, host: str, *, trusted: bool) -> Sequence[str]:
        """Return the addresses of a name as text, best first.

        Raises OSError (socket.gaierror) or UnicodeError where there is none.
        """
        ...

    async def aclose(self) -> None:
        """Stop looking up."""
        ...


class SystemResolver:
    """Asks the operating system, in threads.

    A lookup that is given up goes on in its thread until the system's own limit. Users' endpoints
    therefore have threads of their own: slow names that users bring cannot hold up the providers'.
    `look_up` is the blocking call, `getaddrinfo` by default.
    """

    def __init__(
        self, *, threads: int = 8, look_up: Callable[[str], Sequence[str]] | None = None
    ) -> None:
        self._look_up = look_up or _look_up
        self._trusted = ThreadPoolExecutor(threads, "resolve-trusted")
        self._untrusted = ThreadPoolExecutor(threads, "resolve-untrusted")

    async def resolve(self, host: str, *, trusted: bool) -> Sequence[str]:
        """Look a name up in a thread."""
        threads = self._trusted if trusted else self._untrusted
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, self._look_up, host)

    async def aclose(self) -> None:
        """Drop lookups that wait and let running ones end by themselves."""
        for threads in (self._trusted, self._untrusted):
            threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
