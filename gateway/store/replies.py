"""Error replies of a server: which mean that it cannot now, and which that a command was wrong."""

from collections.abc import Sequence
from typing import Any

from redis.exceptions import (
    AskError,
    ClusterDownError,
    OutOfMemoryError,
    ResponseError,
    TryAgainError,
)

from gateway.errors import StoreAway

_UNABLE = ("BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "TRYAGAIN")
"""First words of replies by which a server says that it cannot do anything of the kind now."""


def raise_first_error(replies: Sequence[Any]) -> None:
    """Raise the first error among replies: StoreAway, or the ResponseError itself."""
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise _judge(reply)


def is_elsewhere(reply: Any) -> bool:
    """Whether a node of a Cluster did nothing, and the command should be tried again or elsewhere."""
    return isinstance(reply, AskError | ClusterDownError | TryAgainError)  # MOVED is an ASK


def _judge(error: ResponseError) -> Exception:
    """Tell 'the store cannot now' from 'this command is wrong'."""
    if isinstance(error, OutOfMemoryError):
        return StoreAway("the store is out of memory")
    if isinstance(error, AskError):
        return StoreAway("the store's nodes do not agree on who holds this")
    if str(error).startswith(_UNABLE) or (error.status_code or "") in _UNABLE:
        return StoreAway("the store cannot serve this now")
    return error
