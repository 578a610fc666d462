"""The top-level parameters of a Messages request, and what goes with which model and version.

Source: the API reference of POST /v1/messages (2026) and refusals seen from the real API.
"""

import re
from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.anthropic.families import Family
from gateway.sandbox.formats.anthropic.refusals import (
    refuse,
    refuse_extra,
    refuse_missing,
    refuse_tag,
)
from gateway.sandbox.formats.anthropic.rules import (
    Rule,
    anything,
    check_closed,
    check_members,
    demand,
    is_bool,
    is_list,
    is_object,
    is_string,
    number,
    one_of,
)
from gateway.sandbox.soundness import is_sound

VERSIONS = ("2023-06-01", "2026-10-21")
"""`anthropic-version` values; the second removed the sampling parameters."""

_SAMPLING = ("temperature", "top_p", "top_k")
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_MIN_BUDGET = 1024

PARAMETERS: Mapping[str, Rule] = {
    "model": is_string,
    "messages": is_list,
    "max_tokens": number(0, whole=True),
    "cache_control": anything,
    "container": anything,
    "context_management": anything,
    "inference_geo": is_string,
    "mcp_servers": is_list,
    "metadata": is_object,
    "output_config": is_object,
    "service_tier": one_of("auto", "standard_only"),
    "speed": one_of("standard", "fast"),
    "stop_sequences": is_list,
    "stream": is_bool,
    "system": anything,
    "temperature": number(0, 1),
    "thinking": is_object,
    "tool_choice": is_object,
    "tools": is_list,
    "top_k": number(0, whole=True),
    "top_p": number(0, 1),
}


def check_parameters(request: Mapping[str, Any], family: Family, version: str) -> None:
    """Check every top-level member, then what they demand of one another. Raises Refused."""
    for name in ("model", "messages", "max_tokens"):
        if name not in request:
            raise refuse_missing(name)
    for name, value in request.items():
        rule = PARAMETERS.get(name)
        if rule is None:
            raise refuse_extra(name)
        rule(value, name)
    _check_sampling(request, family, version)
    _check_limits(request, family)
    _check_thinking(request, family)
    _check_output(request, family)


def _check_sampling(request: Mapping[str, Any], family: Family, version: str) -> None:
    given = [name for name in _SAMPLING if name in request]
    if given and version == VERSIONS[1]:
        raise refuse_extra(given[0])
    if given and not family.sampling:
        raise refuse(f"`{given[0]}` is deprecated for this model.")
    if not family.both_sampling and "temperature" in given and "top_p" in given:
        raise refuse(
            "`temperature` and `top_p` cannot both be specified for this model. "
            "Please use only one."
        )


def _check_limits(request: Mapping[str, Any], family: Family) -> None:
    most, wanted = family.max_output, request["max_tokens"]
    if most is not None and wanted > most:
        raise refuse(
            f"max_tokens: {wanted} > {most}, which is the maximum allowed number of output tokens "
            f"for {request['model']}"
        )
    for at, stop in enumerate(request.get("stop_sequences", ())):
        is_string(stop, f"stop_sequences.{at}")
        if not stop.strip():
            raise refuse("stop_sequences: each stop sequence must contain non-whitespace")
    metadata = request.get("metadata", {})
    check_members(metadata, ("user_id",), "metadata")
    if metadata.get("user_id") is not None:
        is_string(metadata["user_id"], "metadata.user_id")
        if _EMAIL.fullmatch(metadata["user_id"]):
            raise refuse("metadata.user_id: user_id appears to contain an email address")


def _check_thinking(request: Mapping[str, Any], family: Family) -> None:
    thinking = request.get("thinking")
    if thinking is None:
        return
    match thinking.get("type"):
        case "disabled":
            check_members(thinking, ("type",), "thinking.disabled")
        case "adaptive":
            check_members(thinking, ("type", "display"), "thinking.adaptive")
            if not family.adaptive_thinking:
                raise refuse("adaptive thinking is not supported on this model")
        case "enabled":
            check_members(thinking, ("type", "budget_tokens", "display"), "thinking.enabled")
            _check_budget(request, thinking, family)
        case None:
            raise refuse_missing("thinking.type")
        case other:
            raise refuse_tag("thinking", other, ("disabled", "enabled", "adaptive"))


def _check_budget(request: Mapping[str, Any], thinking: Mapping[str, Any], family: Family) -> None:
    if not family.manual_thinking:
        raise refuse(
            '"thinking.type.enabled" is not supported for this model. Use '
            '"thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        )
    rule = number(_MIN_BUDGET, whole=True)
    if demand(thinking, "budget_tokens", "thinking.enabled", rule) >= request["max_tokens"]:
        raise refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if request.get("temperature", 1) != 1:
        raise refuse("`temperature` may only be set to 1 when thinking is enabled.")
    if "top_k" in request:
        raise refuse("`top_k` must be unset when thinking is enabled.")
    if request.get("top_p", 1) < 0.95:
        raise refuse("`top_p` must be greater than or equal to 0.95 when thinking is enabled.")


def _check_output(request: Mapping[str, Any], family: Family) -> None:
    config = request.get("output_config", {})
    check_members(config, ("effort", "format", "task_budget"), "output_config")
    if config.get("effort") is not None:
        one_of(*_EFFORTS)(config["effort"], "output_config.effort")
        if not family.effort:
            raise refuse("This model does not support the effort parameter.")
    wanted = config.get("format")
    if wanted is None:
        return
    path = "output_config.format"
    is_object(wanted, path)
    if wanted.get("type") != "json_schema":
        raise refuse_tag(path, wanted.get("type"), ("json_schema", "json_schema"))
    check_members(wanted, ("type", "schema", "name"), path)
    if not family.structured:
        raise refuse(f"{path}: structured outputs are not supported on this model")
    schema = demand(wanted, "schema", path, is_object)
    if not is_sound(schema):
        raise refuse(f"{path}.schema: Invalid schema")
    check_closed(schema, f"{path}.schema")
