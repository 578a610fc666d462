"""Reads the gateway's own wishes of a request: the body member `gateway`, and `x-gateway-*` headers.

Where both name a value, the body wins: it is what the application wrote for this one request,
while headers are often set once for a whole client. The member is removed before anything is
sent upstream.
"""

import math
import re
from collections.abc import Mapping
from datetime import date

from msgspec import Struct

from gateway.types.account import OnDisconnect, Scope, UnsupportedPolicy
from gateway.types.json import JsonObject
from gateway.wire.fields import (
    at,
    check_name,
    fail,
    fail_type,
    read_array,
    read_bool,
    read_choice,
    read_name,
    read_object,
    read_string,
)

MAX_FALLBACKS = 10
MAX_KINDS = 100
_MEMBERS = frozenset(
    {"context", "feature", "feature_id", "fallbacks", "unsupported", "on_disconnect", "usage"}
)
_CONTEXT_MEMBERS = frozenset({"scope", "include", "date_range"})
_FEATURE = re.compile(r"[a-z0-9_.-]{1,48}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SCOPES = frozenset(scope.value for scope in Scope)
_POLICIES = frozenset(policy.value for policy in UnsupportedPolicy)
_ON_DISCONNECT = frozenset(choice.value for choice in OnDisconnect)


class DateRange(Struct, frozen=True):
    """A window of days, both included, in the user's timezone; None leaves a side open."""

    start: date | None = None
    end: date | None = None


class GatewayOptions(Struct, frozen=True):
    """What a request asks of the gateway itself; None: as the user or the operator prefers.

    `include` switches kinds of context on or off. `timeout_s` is any finite number: the caller
    clamps it to its own limits. `usage` asks for the usage chunk of a stream, as
    `stream_options.include_usage` does.
    """

    scope: Scope | None = None
    include: Mapping[str, bool] = {}
    date_range: DateRange | None = None
    feature: str | None = None
    feature_id: str | None = None
    fallbacks: tuple[str, ...] = ()
    unsupported: UnsupportedPolicy | None = None
    on_disconnect: OnDisconnect | None = None
    usage: bool = False
    timeout_s: float | None = None


def read_options(body: JsonObject, headers: Mapping[str, str]) -> tuple[GatewayOptions, JsonObject]:
    """Return the options, and the body without its `gateway` member.

    Header names are lower-case. Raises InvalidRequest with `param` naming the member
    (`gateway.context.scope`) or the header.
    """
    node = read_object(body, "gateway") or {}
    _refuse_unknown(node, _MEMBERS, "gateway")
    context = read_object(node, "context", "gateway") or {}
    _refuse_unknown(context, _CONTEXT_MEMBERS, "gateway.context")
    policy = read_choice(node, "unsupported", _POLICIES, "gateway")
    on_disconnect = read_choice(node, "on_disconnect", _ON_DISCONNECT, "gateway")
    options = GatewayOptions(
        scope=_scope(context, headers),
        include=_include(context),
        date_range=_date_range(context),
        feature=_feature(node, headers),
        feature_id=_feature_id(node, headers),
        fallbacks=_fallbacks(node),
        unsupported=UnsupportedPolicy(policy) if policy else None,
        on_disconnect=OnDisconnect(on_disconnect) if on_disconnect else None,
        usage=read_bool(node, "usage", "gateway") or False,
        timeout_s=_timeout(headers),
    )
    if "gateway" not in body:
        return options, body
    return options, {name: value for name, value in body.items() if name != "gateway"}


def _refuse_unknown(node: JsonObject, known: frozenset[str], path: str) -> None:
    unknown = next((name for name in node if name not in known), None)
    if unknown is not None:
        shown = unknown if unknown.isprintable() and len(unknown) <= 64 else "…"
        fail(
            at(path, shown),
            f"'{path}' has no member '{shown}'; it may have {', '.join(sorted(known))}.",
            "unknown_parameter",
        )


def _scope(context: JsonObject, headers: Mapping[str, str]) -> Scope | None:
    name = read_choice(context, "scope", _SCOPES, "gateway.context")
    if name is None:
        name = read_choice(headers, "x-gateway-context", _SCOPES)
    return Scope(name) if name else None


def _include(context: JsonObject) -> Mapping[str, bool]:
    path = "gateway.context.include"
    include = read_object(context, "include", "gateway.context") or {}
    if len(include) > MAX_KINDS:
        fail(path, f"'{path}' names more than {MAX_KINDS} kinds.")
    for kind, wanted in include.items():
        check_name(kind, path, 64)
        if not isinstance(wanted, bool):
            fail_type(at(path, kind), "true or false", wanted)
    return include


def _date_range(context: JsonObject) -> DateRange | None:
    path = "gateway.context.date_range"
    node = read_object(context, "date_range", "gateway.context")
    if node is None:
        return None
    _refuse_unknown(node, frozenset({"start", "end"}), path)
    start, end = _day(node, "start", path), _day(node, "end", path)
    if start is not None and end is not None and start > end:
        fail(path, f"'{path}' ends before it starts.")
    return DateRange(start, end)


def _day(node: JsonObject, name: str, path: str) -> date | None:
    text = read_string(node, name, path)
    if text is None:
        return None
    try:
        if _DAY.fullmatch(text):  # `fromisoformat` takes other spellings too
            return date.fromisoformat(text)
    except ValueError:
        pass
    return fail(at(path, name), f"'{at(path, name)}' must be a day as YYYY-MM-DD.")


def _feature(node: JsonObject, headers: Mapping[str, str]) -> str | None:
    path = "gateway.feature"
    value = read_string(node, "feature", "gateway")
    if value is None:
        path, value = "x-gateway-feature", headers.get("x-gateway-feature")
    if value is not None and not _FEATURE.fullmatch(value):
        fail(path, f"'{path}' must be 1 to 48 characters of a-z, 0-9, '_', '.' and '-'.")
    return value


def _feature_id(node: JsonObject, headers: Mapping[str, str]) -> str | None:
    value = read_name(node, "feature_id", "gateway", most=128)
    if value is None:
        value = read_name(headers, "x-gateway-feature-id", most=128)
    return value or None


def _fallbacks(node: JsonObject) -> tuple[str, ...]:
    names = read_array(node, "fallbacks", "gateway", most=MAX_FALLBACKS) or []
    for place, name in enumerate(names):
        path = f"gateway.fallbacks[{place}]"
        if not isinstance(name, str):
            fail_type(path, "a string such as 'provider/model'", name)
        if not name:
            fail(path, f"'{path}' is empty; name a provider or 'provider/model'.")
        check_name(name, path, 256)
    return tuple(names)


def _timeout(headers: Mapping[str, str]) -> float | None:
    text = headers.get("x-gateway-timeout")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        fail("x-gateway-timeout", "'x-gateway-timeout' must be a number of seconds.")
    return seconds
