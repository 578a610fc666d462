"""Where an Azure deployment answers: the families of addresses, and the version of the API.

- v1: `{resource}/openai/v1/{operation}`, the deployment named in the body; no version needed.
- deployments: `{resource}/openai/deployments/{deployment}/{operation}?api-version=YYYY-MM-DD`.
- models: `{resource}/models/{operation}?api-version=…`, the inference API of Foundry.

(Azure OpenAI "API version lifecycle" and REST references, 2026-11.) People paste an address from
the portal at any length: what is there is kept, what is missing is added.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.types.upstream import Target

CHAT = "chat/completions"
EMBEDDINGS = "embeddings"

_PARAMETER = "api-version"
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}(?:-preview)?")
_LAST_DATED = "2024-10-21"  # the last dated version that is no preview
_LAST_OF_MODELS = "2024-05-01-preview"  # the only one of the inference API (recorded, 2026)
_NEWEST = ("", "v1")  # say no more than the path of the v1 family does
_OPERATION = re.compile(rf"/(?:{CHAT}|{EMBEDDINGS})$")
_DEPLOYMENT = re.compile(r"(.*)/openai/deployments/([^/]+)")
_MODELS = re.compile(r"(.*)/models")
_OPENAI = re.compile(r"(.*)/openai(/v1)?")


class Family(StrEnum):
    """Which kind of address it is; `given`: a whole address of another kind, used as it is."""

    V1 = "v1"
    DEPLOYMENTS = "deployments"
    MODELS = "models"
    GIVEN = "given"


class Place(Struct, frozen=True):
    """An address taken apart. `root` is scheme, host and path up to the family's own part.

    `version` is the `api-version` to send, None for none; `query` are further parameters.
    """

    family: Family
    root: str
    deployment: str
    version: str | None
    query: Mapping[str, str] = {}

    @property
    def dated(self) -> str | None:
        """The dated version of OpenAI's API that answers, None for the newest."""
        if self.family in (Family.V1, Family.MODELS) or self.version is None:
            return None
        return self.version if _DATED.fullmatch(self.version) else None

    def url(self, operation: str) -> str:
        """Return the address of an operation, such as `chat/completions`."""
        return self._address(f"{self._prefix}/{operation}")

    def list_url(self) -> str | None:
        """Return the address of the list of models, None where the family has none."""
        match self.family:
            case Family.V1:
                return self._address("/openai/v1/models")
            case Family.DEPLOYMENTS:
                return self._address("/openai/models")
            case Family.MODELS | Family.GIVEN:
                return None

    @property
    def _prefix(self) -> str:
        match self.family:
            case Family.V1:
                return "/openai/v1"
            case Family.DEPLOYMENTS:
                return f"/openai/deployments/{quote(self.deployment, safe='')}"
            case Family.MODELS:
                return "/models"
            case Family.GIVEN:
                return ""

    def _address(self, path: str) -> str:
        query = dict(self.query)
        if self.version is not None:
            query[_PARAMETER] = self.version
        return f"{self.root}{path}?{urlencode(query)}" if query else self.root + path


def place_of(target: Target) -> Place:
    """Return where a target answers.

    `base_url`, where there is one, is the operator's; else the resource's own host is taken. The
    deployment is the one in the address, else the one in the settings, else the model's name.
    Raises InvalidRequest where no resource is named, or the model's name cannot be a path.
    """
    settings = target.settings
    parts = urlsplit(target.base_url or _host_of(settings))
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    wanted = query.pop(_PARAMETER, "") or settings.get("api_version", "")
    path = "".join(f"/{segment}" for segment in parts.path.split("/") if segment)
    family, prefix, named = _take_apart(path, dated=_DATED.fullmatch(wanted) is not None)
    deployment = named or settings.get("azure_deployment") or target.model
    if deployment in ("", ".", ".."):
        raise InvalidRequest("This cannot be the name of a deployment.", param="model")
    root = urlunsplit((parts.scheme, parts.netloc, prefix, "", ""))
    return Place(family, root, deployment, _version(family, wanted), query)


def _host_of(settings: Mapping[str, str]) -> str:
    resource = settings.get("azure_resource")
    if not resource:
        raise InvalidRequest(
            "The provider 'azure' needs a resource. Save your key with "
            "settings.azure_resource, the first part of your endpoint's host name.",
            param="model",
        )
    return f"https://{resource}.openai.azure.com"


def _take_apart(path: str, *, dated: bool) -> tuple[Family, str, str]:
    """Return the family, the path before the family's own part, and a deployment named in it."""
    bare = _OPERATION.sub("", path)
    if found := _DEPLOYMENT.fullmatch(bare):
        return Family.DEPLOYMENTS, found[1], unquote(found[2])
    if found := _MODELS.fullmatch(bare):
        return Family.MODELS, found[1], ""
    found = _OPENAI.fullmatch(bare)
    if bare == path:  # no operation: the version decides between the two families
        return Family.DEPLOYMENTS if dated else Family.V1, found[1] if found else bare, ""
    if found and found[2]:
        return Family.V1, found[1], ""
    return Family.GIVEN, bare, ""


def _version(family: Family, wanted: str) -> str | None:
    dated = wanted if _DATED.fullmatch(wanted) else None
    match family:
        case Family.V1:  # "preview" switches preview features on; a date means nothing there
            return None if wanted in _NEWEST or dated else wanted
        case Family.DEPLOYMENTS:
            return dated or _LAST_DATED
        case Family.MODELS:
            return dated or _LAST_OF_MODELS
        case Family.GIVEN:
            return None if wanted in _NEWEST else wanted
