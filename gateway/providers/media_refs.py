"""Finds the URLs of a request that a provider cannot fetch by itself."""

from collections.abc import Callable

from gateway.types.chat import ChatRequest, File, Image, Part
from gateway.types.upstream import MediaRef


def find_media(chat: ChatRequest, must_fetch: Callable[[str], bool]) -> tuple[MediaRef, ...]:
    """Return the pictures and files whose URL `must_fetch` says the gateway has to fetch.

    Data URIs and bare base64 are no URLs and are never asked about.
    """
    found = []
    for m, message in enumerate(chat.messages):
        for p, part in enumerate(message.parts):
            url, member = _url_of(part)
            if "://" in url[:16] and url[:5].lower() != "data:" and must_fetch(url):
                found.append(MediaRef(url, f"messages[{m}].content[{p}].{member}"))
    return tuple(found)


def _url_of(part: Part) -> tuple[str, str]:
    """Return what may be a URL in a part, and the member it stands in."""
    match part:
        case Image(url=url):
            return url, "image_url.url"
        case File(data=str(data)):
            return data, "file.file_data"
        case _:
            return "", ""
