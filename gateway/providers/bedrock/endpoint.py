"""Where requests go: AWS hosts built from a checked region, or the operator's own base URL.

Hosts and suffixes are from botocore 1.44.5 (endpoint rule set of `bedrock-runtime`, partitions).
"""

import re
from urllib.parse import quote, urlsplit

from gateway.errors import InvalidRequest
from gateway.types.upstream import Target

BASE_URL = "https://bedrock-runtime.{region}.amazonaws.com"
"""The base URL of the built-in provider; `{region}` is replaced by the key's or provider's setting."""

REGION_HEADER = "signing-region"
"""Tells `authorize` the region where the host does not; never sent."""

_DEFAULT_SIGNING_REGION = "us-east-1"  # only for a base URL that names none: a proxy, a sandbox
_PLACEHOLDER = "{region}"
_REGION = re.compile(r"[a-z]{2,5}(?:-[a-z]{2,16}){1,3}-\d{1,2}")
_IN_HOST = re.compile(r"(?:^|\.)bedrock(?:-runtime)?(?:-fips)?\.([a-z0-9-]+)\.")
_RUNTIME = re.compile(r"(^|\.)bedrock-runtime(?=[.-])")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,2047}")  # ids, geo profiles and ARNs
_PARTITIONS = (
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
)


def model_url(target: Target, action: str) -> str:
    """Return the address of an action (`converse`, `converse-stream`, `invoke`) on the model.

    Raises InvalidRequest for a missing region, and for a name that no model of Bedrock can have.
    """
    if _MODEL.fullmatch(target.model) is None:
        raise InvalidRequest(
            "Not a model id, inference profile or ARN of Amazon Bedrock.",
            param="model",
            code="model_not_found",
        )
    return f"{_base(target)}/model/{quote(target.model, safe='')}/{action}"


def control_url(target: Target, path: str) -> str:
    """Return an address of the control plane: another host at AWS, the same one behind a proxy."""
    base = urlsplit(_base(target))
    host = _RUNTIME.sub(r"\1bedrock", base.netloc, count=1)
    return f"{base.scheme}://{host}{base.path}/{path}"


def region_header(target: Target) -> tuple[tuple[str, str], ...]:
    """Return the header that names the signing region, where the address does not name it."""
    region = target.settings.get("region")
    if not region or region_in(_base(target)) == region:
        return ()
    return ((REGION_HEADER, _checked(region)),)


def signing_region(url: str, named: str | None) -> str:
    """Return the region to sign for: the one named, else the host's."""
    return named or region_in(url) or _DEFAULT_SIGNING_REGION


def region_in(url: str) -> str | None:
    """Return the region that an AWS host names."""
    found = _IN_HOST.search(urlsplit(url).netloc.lower())
    return found[1] if found is not None and _REGION.fullmatch(found[1]) else None


def _base(target: Target) -> str:
    base = (target.base_url or BASE_URL).rstrip("/")
    if _PLACEHOLDER not in base:
        return base
    region = _checked(target.settings.get("region"))
    if base == BASE_URL:
        suffix = next((s for start, s in _PARTITIONS if region.startswith(start)), "amazonaws.com")
        return f"https://bedrock-runtime.{region}.{suffix}"
    return base.replace(_PLACEHOLDER, region)


def _checked(region: str | None) -> str:
    if region is None or _REGION.fullmatch(region) is None:
        raise InvalidRequest(
            "The key for Amazon Bedrock names no AWS region: save it again with 'region' in its "
            "settings, such as us-east-1."
        )
    return region
