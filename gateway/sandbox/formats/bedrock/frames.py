"""The binary framing of a stream (`application/vnd.amazon.eventstream`).

A frame is: total length, length of the headers, CRC-32 of these eight bytes; the headers; the
payload; CRC-32 of all that. Numbers are big-endian. A header is: length of its name, name, 7 (for
text), length of the value as two bytes, value. Source: the Smithy specification, "Amazon Event Stream
Specification" (2026).
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import orjson

STREAM_TYPE = "application/vnd.amazon.eventstream"

_TEXT = 7
_OVERHEAD = 16  # three numbers before the headers and one behind the payload
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def write_frame(headers: Sequence[tuple[str, str]], payload: bytes) -> bytes:
    """Return one frame."""
    block = b"".join(_write_header(name, value) for name, value in headers)
    prelude = struct.pack(">II", _OVERHEAD + len(block) + len(payload), len(block))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return body + struct.pack(">I", zlib.crc32(body))


def _write_header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return bytes([len(key)]) + key + struct.pack(">BH", _TEXT, len(text)) + text


def write_event(kind: str, value: dict[str, Any]) -> bytes:
    """Return the frame of an event. Like the real one it pads its payload with a member `p`."""
    bare = orjson.dumps(value)
    padded = {**value, "p": _PADDING[: 2 + len(bare) * 7 % (len(_PADDING) - 2)]}
    headers = (
        (":event-type", kind),
        (":content-type", "application/json"),
        (":message-type", "event"),
    )
    return write_frame(headers, orjson.dumps(padded, option=orjson.OPT_SORT_KEYS))


def write_exception(kind: str, value: dict[str, Any]) -> bytes:
    """Return the frame that reports an error inside a stream: its last one."""
    headers = (
        (":exception-type", kind),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    )
    return write_frame(headers, orjson.dumps(value))


def write_garbled() -> bytes:
    """Return a frame that was damaged on its way: sound JSON, but not what its checksum is of."""
    delta = {"contentBlockIndex": 0, "delta": {"text": " garbled"}}
    return write_event("contentBlockDelta", delta).replace(b"garbled", b"GARBLED")
