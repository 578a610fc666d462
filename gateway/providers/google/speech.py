"""Sound and pictures of an answer, from Google's inline data into the members clients know."""

import base64
import binascii
from typing import Any

from gateway.providers.anthropic.lenient import as_text
from gateway.providers.google.signatures import SIGNATURE
from gateway.types.json import JsonObject


class Speech:
    """Joins the pieces of a spoken answer: base64 can only be cut at every third byte."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, blob: JsonObject) -> dict[str, Any] | None:
        """Take a piece and return what of it can be given out as `message.audio`."""
        try:
            data = self._rest + base64.b64decode(as_text(blob.get("data")))
        except (binascii.Error, ValueError):
            return None
        whole = len(data) - len(data) % 3
        self._rest = data[whole:]
        if not whole:
            return None
        told = base64.b64encode(data[:whole]).decode("ascii")
        return {"data": told, "mime_type": as_text(blob.get("mimeType"))}

    def finish(self) -> dict[str, Any] | None:
        """Return the last bytes, None if there are none."""
        if not self._rest:
            return None
        rest, self._rest = self._rest, b""
        return {"data": base64.b64encode(rest).decode("ascii")}


def picture(part: JsonObject, blob: JsonObject) -> dict[str, Any]:
    """Return a picture as a member of `message.images`, in the shape of an image part."""
    kind, data = as_text(blob.get("mimeType")), as_text(blob.get("data"))
    told: dict[str, Any] = {
        "type": "image_url",
        "image_url": {"url": f"data:{kind};base64,{data}"},
    }
    signature = part.get(SIGNATURE)
    return {**told, "thought_signature": signature} if isinstance(signature, str) else told
