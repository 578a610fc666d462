"""Where an answer has its facts from, as OpenAI's annotations.

`groundingSupports[].segment` gives the range of a text in bytes of UTF-8, `groundingChunkIndices`
the sources it stands on (recorded). Ranges are given out in characters, as OpenAI counts.
"""

from collections.abc import Iterator
from typing import Any

from gateway.providers.anthropic.lenient import as_index, as_list, as_object, as_text
from gateway.types import events as ev
from gateway.types.json import JsonObject

_SOURCES = ("web", "maps", "retrievedContext")


def annotations(choice: int, metadata: JsonObject, content: str) -> Iterator[ev.Event]:
    """Yield one annotation for each source of each segment; without segments, for each source."""
    sources = [_source(chunk) for chunk in as_list(metadata.get("groundingChunks"))]
    supports = as_list(metadata.get("groundingSupports"))
    if not supports:
        for source in sources:
            if source is not None:
                yield _annotation(choice, source, (0, 0))
        return
    data = content.encode("utf-8", "surrogatepass")
    for support in map(as_object, supports):
        place = _place(as_object(support.get("segment")), data, content)
        for index in as_list(support.get("groundingChunkIndices")):
            found = as_index(index)
            source = sources[found] if 0 <= found < len(sources) else None
            if source is not None:
                yield _annotation(choice, source, place)


def _source(chunk: object) -> dict[str, str] | None:
    for kind in _SOURCES:
        source = as_object(as_object(chunk).get(kind))
        url = as_text(source.get("uri"))
        if url:
            return {"url": url, "title": as_text(source.get("title")) or url}
    return None


def _annotation(choice: int, source: dict[str, str], place: tuple[int, int]) -> ev.Event:
    cited: dict[str, Any] = {**source, "start_index": place[0], "end_index": place[1]}
    return ev.Annotation(choice, {"type": "url_citation", "url_citation": cited})


def _place(segment: JsonObject, data: bytes, content: str) -> tuple[int, int]:
    """Return a segment's range in characters; its own text decides where the bytes do not fit."""
    text = as_text(segment.get("text"))
    start, end = max(as_index(segment.get("startIndex")), 0), as_index(segment.get("endIndex"))
    if 0 <= start <= end <= len(data):
        before = len(data[:start].decode("utf-8", "replace"))
        inside = data[start:end].decode("utf-8", "replace")
        if not text or inside == text:
            return before, before + len(inside)
    found = content.find(text) if text else -1
    return (found, found + len(text)) if found >= 0 else (0, 0)
