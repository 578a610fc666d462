"""Where a request goes, and the native request and reply head that cross the wire."""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from gateway.types.models import ModelInfo
from gateway.types.secret import Secret


class KeySource(StrEnum):
    """Whose provider key an attempt uses."""

    OWN = "own"
    PLATFORM = "platform"
    NONE = "none"  # the provider needs no key (a local Ollama)


class Target(Struct, frozen=True):
    """Provider + upstream model + whose key + endpoint: one entry of a route plan.

    `provider` is the name shown, booked and preferred: a configured provider, or the name of a
    user's own endpoint. `type` is the wire format's key in `providers/registry.py`. `base_url` has
    no trailing slash. `trusted` is False for endpoints a user supplied: those are judged by
    address. `label` is the closed metric label for `provider` ("own_endpoint" for a user's own).
    """

    provider: str
    type: str
    model: str
    base_url: str
    key_source: KeySource
    key_name: str | None
    audience: str
    settings: Mapping[str, str]
    info: ModelInfo
    trusted: bool = True
    label: str = "other"
    headers: Mapping[str, str] = {}

    @property
    def model_label(self) -> str:
        """The closed metric label for `model`: names that only a client knows are "other"."""
        return self.info.id if self.info.known else "other"


class Credential(Struct, frozen=True):
    """An opened provider key, in memory, for one attempt. `secret` is the string, or JSON text."""

    secret: Secret


class UpstreamRequest(Struct, frozen=True):
    """A native HTTP request, complete but for authorization. Header names are lower-case.

    `warnings` are what the client must hear of: wishes that had to be changed to be sent at all.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    stream: bool = False
    warnings: tuple[str, ...] = ()

    def with_headers(self, *headers: tuple[str, str]) -> "UpstreamRequest":
        """Return the request with headers appended."""
        return replace(self, headers=(*self.headers, *headers))

    def __repr__(self) -> str:
        return f"UpstreamRequest({self.method} {self.url.split('?')[0]}, {len(self.body)} bytes)"


class MediaRef(Struct, frozen=True):
    """A URL in a message whose content the provider must be given: it cannot fetch by itself.

    `param` is the path of the part in the client's body, for errors.
    """

    url: str
    param: str


class ReplyHead(Struct, frozen=True):
    """Status and headers of a native reply. Header names are lower-case; repeats are joined by ", "."""

    status: int
    headers: Mapping[str, str]

    def header(self, name: str) -> str | None:
        """Return a header's value by its lower-case name."""
        return self.headers.get(name)
