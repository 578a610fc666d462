"""Takes in the bytes of fetched media: how many, and what they are."""

import re

from gateway.config.schema import MediaConfig
from gateway.types.upstream import ReplyHead
from gateway.upstream.transport import Reply
from gateway.wire.media import sniff

_UNKNOWN_TYPE = "application/octet-stream"
_SYNONYMS = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}
_MEDIA_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_PICTURES = ("image/", "audio/", "video/", "application/pdf")  # what clients send as `image_url`
# Types whose bytes always show them: a file that does not is something else.
_TELLTALE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


class Unfit(Exception):
    """A URL's content that we do not take. `reason` follows "The URL" and repeats nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Intake:
    """Counts what one request's media amount to, while they arrive."""

    def __init__(self, limits: MediaConfig) -> None:
        self.limits = limits
        self._left = limits.max_total_bytes

    def check_item(self, size: int) -> None:
        """Raise Unfit for an item that is, or says it is, larger than one may be."""
        if size > self.limits.max_bytes:
            raise Unfit(f"leads to more than {self.limits.max_bytes} bytes, the most for one item")

    def take(self, size: int) -> None:
        """Count bytes that go into the request. Raises Unfit when all are too many."""
        self._left -= size
        if self._left < 0:
            raise Unfit(
                "brings the media of this request to more than "
                f"{self.limits.max_total_bytes} bytes, the most for one request"
            )


async def read_item(reply: Reply, intake: Intake, *, copies: int) -> bytes:
    """Return the body of a 200 reply, of which the request will hold `copies`; close the reply.

    Raises Unfit, UpstreamError.
    """
    try:
        if reply.head.status != 200:
            raise Unfit(f"is answered with status {reply.head.status}")
        claimed = reply.head.header("content-length") or ""
        if claimed.isdecimal():
            intake.check_item(int(claimed[:20]))
        body = bytearray()
        while chunk := await reply.read():
            intake.check_item(len(body) + len(chunk))
            intake.take(len(chunk) * copies)
            body += chunk
    finally:
        await reply.aclose()
    if not body:
        raise Unfit("leads to nothing")
    return bytes(body)


def label(body: bytes, head: ReplyHead, *, is_picture: bool) -> str:
    """Return the media type of a body: what its bytes show, else what the server says.

    Raises Unfit for bytes that are not what the server says, and for anything that is neither
    picture, sound, film nor PDF where a picture should be: mostly an error page or a login.
    """
    shown = sniff(body)
    if shown is not None:
        return shown
    said = (head.header("content-type") or "").partition(";")[0].strip().lower()
    said = _SYNONYMS.get(said, said)
    if said in _TELLTALE:
        raise Unfit(f"leads to content that is not {said}, as its server says")
    if not _MEDIA_TYPE.fullmatch(said):
        said = _UNKNOWN_TYPE
    if is_picture and not said.startswith(_PICTURES):
        raise Unfit("leads to content that is not a picture")
    return said
