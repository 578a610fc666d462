"""Runs a module as `python -m` would, and ends with its parent: `tether FD MODULE [ARGUMENT …]`.

A child that is no worker knows nothing of our pipes; this keeps it from outliving a parent that
was killed.
"""

import os
import runpy
import signal
import sys

from gateway.supervisor.follow import follow_parent


def main() -> None:
    """Read the arguments, follow the parent, become the module."""
    fd, module, *arguments = sys.argv[1:]
    follow_parent(int(fd), _ignore, _leave)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _ignore(message: str) -> None:
    """Messages are for workers."""


def _leave() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
