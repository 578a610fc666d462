"""Server-sent events, read and written: bytes in, events out, at any split.

Follows the event stream format of the WHATWG HTML standard (section "Server-sent events"), with two
tolerances that real providers need: a last event without its blank line is still given, and an
event whose data is empty is not an event. Lines end at CR, LF or CRLF only: U+2028 and its like
are data.
"""

from msgspec import Struct

from gateway.errors import Failure, UpstreamError

DEFAULT_MAX_EVENT_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class SseEvent(Struct, frozen=True):
    r"""One event. `event` is its name (None: unnamed), `data` its data lines joined by LF.

    `raw` is the whole frame as it came, blank line included, so that it can be passed on; only
    CRLF and CR are rewritten to LF, which makes it independent of where the bytes were cut.
    """

    event: str | None
    data: bytes
    raw: bytes


class SseDecoder:
    """Cuts a byte stream into events. Holds at most one unfinished event of `max_event_bytes`."""

    def __init__(self, max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._parts: list[bytes] = []  # the unfinished frame, in pieces
        self._size = 0
        self._after_cr = False
        self._head: bytes | None = b""  # None once the place of a byte order mark has passed

    def feed(self, data: bytes) -> list[SseEvent]:
        """Take the next bytes and return the events they complete.

        Raises UpstreamError(BAD_REPLY) when an event grows beyond the limit.
        """
        if self._head is not None:
            data = self._skip_bom(data)
        if self._after_cr or b"\r" in data:
            data = self._to_lf(data)
        if not data:
            return []
        if b"\n" not in data:
            self._keep(data)
            return []
        if self._parts:
            self._parts.append(data)
            data = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
        return self._cut(data)

    def finish(self) -> list[SseEvent]:
        """The stream is over: return the last event if only its blank line was missing."""
        if self._head:  # fewer than three bytes ever came
            self._parts.append(self._head)
        frame = b"".join(self._parts).rstrip(b"\n")
        self._parts.clear()
        self._size = 0
        event = _parse(frame) if frame else None
        return [event] if event is not None else []

    def _cut(self, data: bytes) -> list[SseEvent]:
        frames = data.split(b"\n\n")
        tail = frames.pop()
        events = []
        for frame in frames:
            if len(frame) > self._max:
                self._refuse()
            # Nearly every frame of every provider has this one shape.
            if frame.startswith(b"data: ") and b"\n" not in frame:
                if len(frame) > 6:
                    events.append(SseEvent(None, frame[6:], frame + b"\n\n"))
            elif frame and (event := _parse(frame)) is not None:
                events.append(event)
        if tail:
            self._keep(tail)
        return events

    def _keep(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > self._max:
            self._refuse()

    def _refuse(self) -> None:
        self._parts.clear()
        self._size = 0
        raise UpstreamError(
            Failure.BAD_REPLY, f"The provider sent a stream event of more than {self._max} bytes."
        )

    def _skip_bom(self, data: bytes) -> bytes:
        data = (self._head or b"") + data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._head = data
            return b""
        self._head = None
        return data.removeprefix(_BOM)

    def _to_lf(self, data: bytes) -> bytes:
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
        if data:
            self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _parse(frame: bytes) -> SseEvent | None:
    """Read one frame without its blank line; None if it carries no data."""
    name: str | None = None
    data: list[bytes] = []
    for line in frame.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ").decode("utf-8", "replace") or None
    joined = b"\n".join(data)
    return SseEvent(name, joined, frame + b"\n\n") if joined else None


def encode_event(data: bytes, event: str | None = None) -> bytes:
    r"""Write one event; LF, CR and CRLF in `data` become separate data lines."""
    if b"\n" in data or b"\r" in data:
        lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        body = b"".join(b"data: " + line + b"\n" for line in lines)
    else:
        body = b"data: " + data + b"\n"
    head = b"" if event is None else b"event: " + event.encode() + b"\n"
    return head + body + b"\n"
