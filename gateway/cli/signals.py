"""Signals to the gateway that serves from a data directory."""

import os
import signal
from pathlib import Path

from gateway.store.lock import serving_pid


class NotSignalled(Exception):
    """A gateway serves there and may not be signalled by us."""


def tell_reload(data_dir: Path) -> int | None:
    """Tell the gateway to reload; return its pid, None if none serves from here.

    Raises NotSignalled.
    """
    pid = serving_pid(data_dir)
    if pid is None:
        return None
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:  # it has ended since
        return None
    except PermissionError:
        raise NotSignalled(f"pid {pid} belongs to another user; call this as that user") from None
    return pid
