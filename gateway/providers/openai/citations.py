"""Sources that a search provider lists at the top of its reply, as OpenAI's annotations."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.types import events as ev


def has_citations(reply: Mapping[str, Any]) -> bool:
    """Whether a reply or chunk lists sources."""
    return bool(reply.get("search_results") or reply.get("citations"))


def read_citations(choice: int, reply: Mapping[str, Any]) -> Iterator[ev.Annotation]:
    """Yield one annotation for each source: Perplexity's `search_results`, else `citations`.

    They are not tied to a place in the text, so both indexes are 0 (recorded replies, 2026-06).
    """
    results = reply.get("search_results")
    if not isinstance(results, list) or not results:
        results = reply.get("citations")
    for result in results if isinstance(results, list) else ():
        source = {"url": result} if isinstance(result, str) else result
        if isinstance(source, dict) and isinstance(source.get("url"), str):
            citation = {
                "start_index": 0,
                "end_index": 0,
                "url": source["url"],
                "title": source.get("title") or source["url"],
            }
            annotation = {"type": "url_citation", "url_citation": citation}
            yield ev.Annotation(choice, annotation)
