"""Where requests go: the two APIs' addresses, built from checked names.

Hosts and paths are those of Google's own client library (googleapis/python-genai 2.19,
`_api_client.py`) and of "Agent Platform locations" (docs.cloud.google.com, 2026-11).
"""

import re
from typing import NoReturn
from urllib.parse import urlsplit

from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.types.upstream import Target

GEMINI_URL = "https://generativelanguage.googleapis.com/v1beta"
VERTEX_URL = "https://aiplatform.googleapis.com"
"""The default of Vertex: with it the host follows the region, with another address it stays."""

_VERTEX_HOST = "aiplatform.googleapis.com"
_MULTI_REGIONS = ("us", "eu")
_GLOBAL = "global"
_VERSION = re.compile(r"/v\d+(?:(?:alpha|beta)\d*)?$")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
_TUNED = re.compile(r"tunedModels/[a-z0-9-]{1,64}")
_FULL_NAME = re.compile(r"publishers/([a-z0-9-]{1,64})/models/(.+)")
_ENDPOINT = re.compile(r"(?:endpoints/)?(\d{4,24})")
_REGION = re.compile(r"[a-z][a-z0-9-]{1,40}")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9:.-]{1,60}")
_PREFIXES = ("models/", "gemini/", "vertex_ai/", "vertex/")  # as other tools write the names


class VertexModel(Struct, frozen=True):
    """A model on Vertex: its name, and the publisher it belongs to."""

    publisher: str
    name: str

    @property
    def is_claude(self) -> bool:
        """Whether it speaks Anthropic's format."""
        return self.publisher == "anthropic"


def gemini_model(target: Target) -> str:
    """Return the model's bare name. Raises InvalidRequest for what is no name of a model."""
    name = _without_prefix(target.model)
    if not _MODEL.fullmatch(name) and not _TUNED.fullmatch(name):
        _refuse_model()
    return name


def gemini_url(target: Target, method: str) -> str:
    """Return the address of a model's method at the Developer API."""
    name = gemini_model(target)
    path = name if "/" in name else f"models/{name}"
    return f"{gemini_base(target)}/{path}:{method}"


def gemini_base(target: Target) -> str:
    """Return the address up to and including the version."""
    base = (target.base_url or GEMINI_URL).rstrip("/")
    return base if _VERSION.search(base) else f"{base}/v1beta"


def vertex_model(target: Target) -> VertexModel:
    """Return what the target's name stands for; Raises InvalidRequest for what is none."""
    name = _without_prefix(target.model)
    if found := _FULL_NAME.fullmatch(name):
        publisher, name = found[1], found[2]
    elif "/" in name and not _ENDPOINT.fullmatch(name):
        publisher, _, name = name.partition("/")
    else:
        publisher = "anthropic" if name.startswith("claude") else "google"
    if publisher not in ("anthropic", "google"):
        _refuse_model()
    if not _MODEL.fullmatch(name) and not _ENDPOINT.fullmatch(name):
        _refuse_model()
    return VertexModel(publisher, name)


def vertex_url(target: Target, method: str, model: VertexModel | None = None) -> str:
    """Return the address of a model's method at Vertex.

    Without a project it is that of express mode, which API keys can use.
    """
    model = model or vertex_model(target)
    place = _place(target)
    if found := _ENDPOINT.fullmatch(model.name):
        if not place:
            raise InvalidRequest("A tuned model on Vertex needs the key's setting 'project'.")
        return f"{vertex_base(target)}{place}/endpoints/{found[1]}:{method}"
    path = f"publishers/{model.publisher}/models/{model.name}"
    return f"{vertex_base(target)}{place}/{path}:{method}"


def vertex_base(target: Target) -> str:
    """Return the address up to and including the version, in the region of the target's key."""
    base = target.base_url.rstrip("/") or VERTEX_URL
    parts = urlsplit(base)
    if parts.hostname == _VERTEX_HOST:
        base = base.replace(_VERTEX_HOST, _regional_host(target), 1)
    return base if _VERSION.search(base) else f"{base}/v1beta1"


def _place(target: Target) -> str:
    project = target.settings.get("project")
    if not project:
        return ""
    if not _PROJECT.fullmatch(project):
        raise InvalidRequest("The provider key's setting 'project' is not the name of one.")
    return f"/projects/{project}/locations/{_region(target)}"


def _regional_host(target: Target) -> str:
    if not target.settings.get("project"):
        return _VERTEX_HOST  # express mode has no regions
    region = _region(target)
    if region == _GLOBAL:
        return _VERTEX_HOST
    if region in _MULTI_REGIONS:
        return f"aiplatform.{region}.rep.googleapis.com"
    return f"{region}-{_VERTEX_HOST}"


def _region(target: Target) -> str:
    region = target.settings.get("region") or _GLOBAL
    if not _REGION.fullmatch(region):
        raise InvalidRequest("The provider key's setting 'region' is not the name of one.")
    return region


def _without_prefix(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _refuse_model() -> NoReturn:
    raise InvalidRequest(
        "This is not the name of a model that can be called here.",
        param="model",
        code="model_not_found",
    )
