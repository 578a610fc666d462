"""The top-level parameters of a chat request: their rules, and what goes with which model.

Source: the API reference of POST /v1/chat/completions (2026), and refusals seen from the real API.
"""

import re
from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.openai.refusals import refuse
from gateway.sandbox.formats.openai.rules import (
    Rule,
    anything,
    array,
    integer,
    is_bool,
    is_object,
    is_string,
    number,
    one_of,
    refuse_missing,
    refuse_type,
    refuse_unknown,
)

_MAX_INT = 2**63 - 1
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_O_SERIES = re.compile(r"o[1-9](-.*)?")
_QUIET_BY_DEFAULT = ("gpt-5.1", "gpt-5.2", "gpt-5.3", "gpt-5.4")
_SAMPLING = (
    "temperature", "top_p", "presence_penalty", "frequency_penalty",
    "logit_bias", "logprobs", "top_logprobs",
)  # fmt: skip
_DEFAULTS = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}


def check_stop(value: Any, path: str) -> None:
    """Accept text, or up to four texts."""
    if not isinstance(value, str):
        array(0, 4, is_string)(value, path)


PARAMETERS: Mapping[str, Rule] = {
    "messages": array(1, 2048, is_object),
    "model": is_string,
    "audio": is_object,
    "frequency_penalty": number(-2, 2),
    "function_call": anything,
    "functions": array(1, 128, is_object),
    "logit_bias": is_object,
    "logprobs": is_bool,
    "max_completion_tokens": integer(1, _MAX_INT),
    "max_tokens": integer(1, _MAX_INT),
    "metadata": is_object,
    "modalities": array(1, 2, one_of("text", "audio")),
    "moderation": is_object,
    "n": integer(1, 128),
    "parallel_tool_calls": is_bool,
    "prediction": is_object,
    "presence_penalty": number(-2, 2),
    "prompt_cache_key": is_string,
    "prompt_cache_options": is_object,
    "prompt_cache_retention": one_of("in_memory", "24h"),
    "reasoning_effort": one_of(*EFFORTS),
    "response_format": is_object,
    "safety_identifier": is_string,
    "seed": integer(-(2**63), _MAX_INT),
    "service_tier": one_of("auto", "default", "flex", "scale", "priority", "fast"),
    "stop": check_stop,
    "store": is_bool,
    "stream": is_bool,
    "stream_options": is_object,
    "temperature": number(0, 2),
    "tool_choice": anything,
    "tools": array(1, 128, is_object),
    "top_logprobs": integer(0, 20),
    "top_p": number(0, 1),
    "user": is_string,
    "verbosity": one_of("low", "medium", "high"),
    "web_search_options": is_object,
}


def check_parameters(request: Mapping[str, Any]) -> None:
    """Check every top-level member, then what they demand of one another.

    Raises Refused.
    """
    for name in ("messages", "model"):
        if request.get(name) is None:
            raise refuse_missing(name)
    for name, value in request.items():
        rule = PARAMETERS.get(name)
        if rule is None:
            raise refuse_unknown(name)
        if value is not None:
            rule(value, name)
    _check_company(request)
    _check_model(request, request["model"])


def _check_company(request: Mapping[str, Any]) -> None:
    """Check parameters that are only allowed beside others."""
    options = request.get("stream_options")
    if options is not None and not request.get("stream"):
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise refuse(text, "stream_options")
    for name in options or ():
        if name not in ("include_usage", "include_obfuscation"):
            raise refuse_unknown(f"stream_options.{name}")
    if request.get("top_logprobs") is not None and not request.get("logprobs"):
        text = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled."
        raise refuse(text, "top_logprobs")
    for name in ("tool_choice", "parallel_tool_calls"):
        if request.get(name) is not None and not request.get("tools"):
            text = (
                f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified."
            )
            raise refuse(text, name)
    if request.get("max_tokens") is not None and request.get("max_completion_tokens") is not None:
        text = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise refuse(text, "max_tokens", "invalid_parameter_combination")
    for name, value in (request.get("metadata") or {}).items():
        if not isinstance(value, str):
            raise refuse_type(f"metadata.{name}", "a string", value)


def is_reasoning_model(model: str) -> bool:
    """Whether a model belongs to the reasoning families (o-series, gpt-5 but its chat variants)."""
    if model.startswith("gpt-5"):
        return "-chat" not in model
    return _O_SERIES.fullmatch(model) is not None


def _is_reasoning(model: str, effort: str | None) -> bool:
    """Whether this request makes the model reason: by default, or because it asks for it."""
    if not is_reasoning_model(model):
        return False
    if effort is not None:
        return effort != "none"
    return not (model.startswith(_QUIET_BY_DEFAULT) and "-pro" not in model)


def _check_model(request: Mapping[str, Any], model: str) -> None:
    """Check parameters that some models do not take."""
    ours = model.startswith("sandbox-")
    if is_reasoning_model(model):
        _check_reasoning(request, model)
    elif request.get("reasoning_effort") is not None and not ours:
        # The older parser of the non-reasoning models: no param, no code.
        raise refuse("Unrecognized request argument supplied: reasoning_effort")
    if request.get("web_search_options") is not None and "search" not in model and not ours:
        text = "Web search options not supported with this model."
        raise refuse(text, "web_search_options")


def _check_reasoning(request: Mapping[str, Any], model: str) -> None:
    if request.get("max_tokens") is not None:
        raise _unsupported("max_tokens", " Use 'max_completion_tokens' instead.")
    if not _is_reasoning(model, request.get("reasoning_effort")):
        return
    if request.get("stop") and not model.startswith("gpt-5"):
        raise _unsupported("stop")
    for name in _SAMPLING:
        value = request.get(name)
        if value is None or value == _DEFAULTS.get(name, False):
            continue
        if name == "temperature":
            text = (
                f"Unsupported value: 'temperature' does not support {value} with this model. "
                "Only the default (1) value is supported."
            )
            raise refuse(text, name, "unsupported_value")
        raise _unsupported(name)


def _unsupported(name: str, advice: str = "") -> Exception:
    text = f"Unsupported parameter: '{name}' is not supported with this model.{advice}"
    return refuse(text, name, "unsupported_parameter")
