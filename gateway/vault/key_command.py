"""A KEK ring from a program: `keys.kek_command`, for a KMS or a vault that is not a file.

The program prints what would stand in the file: a base64 key, or the JSON of a ring.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from gateway.errors import ConfigError

TIME_LIMIT_S: Final = 10.0
_MAX_BYTES: Final = 4096
_ENVIRONMENT: Final = (
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("LC_ALL", "C"),
)


def run_key_command(
    arguments: Sequence[str], setting: str, time_limit_s: float = TIME_LIMIT_S
) -> str:
    """Run a program and return what it prints, less one newline at the end. Blocks.

    No shell, no variables of ours, nothing on its standard input; its standard error is thrown
    away. Raises ConfigError, which never quotes the output: it may hold the key.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  # the operator's own config names the program
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(_ENVIRONMENT),
            start_new_session=True,  # a group of its own, to be ended with all it has started
        )
    except (OSError, ValueError) as error:
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else "not an argument"
        raise ConfigError(f"{arguments[0]} cannot be run: {why}", setting) from None
    deadline = time.monotonic() + time_limit_s
    try:
        output = _read(process, deadline, setting)
        status = process.wait(max(deadline - time.monotonic(), 0.01))
    except (subprocess.TimeoutExpired, TimeoutError):
        raise ConfigError(f"did not end within {time_limit_s:g} seconds", setting) from None
    finally:
        _end(process)
    if status != 0:
        raise ConfigError(f"failed with exit status {status}", setting)
    return _check(output, setting)


def _read(process: "subprocess.Popen[bytes]", deadline: float, setting: str) -> bytes:
    """Return all that is printed. Raises TimeoutError, ConfigError for more than a key could be."""
    assert process.stdout is not None  # noqa: S101  # asked for above
    output = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(deadline - time.monotonic(), 0)):
            data = os.read(process.stdout.fileno(), _MAX_BYTES)
            output += data
            if not data:
                return output
            if len(output) > _MAX_BYTES:
                raise ConfigError(f"printed more than {_MAX_BYTES} bytes", setting)
    raise TimeoutError


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _check(output: bytes, setting: str) -> str:
    try:
        text = output.decode("ascii").removesuffix("\n")
    except UnicodeDecodeError:
        raise ConfigError("printed something that is not text", setting) from None
    if not text or text != text.strip():
        raise ConfigError(
            "must print the key, or the ring as JSON, and at most one newline", setting
        )
    return text
