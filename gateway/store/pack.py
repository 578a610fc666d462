"""Commands as bytes of the Redis protocol (RESP, https://redis.io/docs/latest/develop/reference/protocol-spec/)."""

from collections.abc import Sequence

import hiredis

from gateway.store.base import Argument


def pack(command: Sequence[Argument]) -> bytes:
    """Return one command on the wire. Raises TypeError for an argument of another type."""
    # hiredis' stub describes a tuple of one; the function takes any length.
    data: bytes = hiredis.pack_command(tuple(command))  # type: ignore[arg-type]
    return data
