"""The generation configuration, and what goes with which model.

Sources: ai.google.dev, GenerationConfig and "Thinking" (2026), and refusals seen from the real API.
"""

import math
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from gateway.sandbox.formats.google.families import Family
from gateway.sandbox.formats.google.refusals import refuse, refuse_field
from gateway.sandbox.formats.google.schemas import read_json_schema, read_subset

_PATH = "GenerateContentRequest.generation_config"
_MAX_STOPS = 5
_MAX_CANDIDATES = 8
_MAX_LOGPROBS = 20
_MIME_TYPES = ("", "text/plain", "application/json", "text/x.enum", "application/xml")

# name: lowest, highest, and the words for both; None is open
_BOUNDS: Mapping[str, tuple[float, float, str]] = {
    "temperature": (0, 2, "must be in the range [0.0, 2.0]"),
    "top_p": (0, 1, "must be in the range [0.0, 1.0]"),
    "top_k": (1, math.inf, "must be positive"),
    "max_output_tokens": (1, 2**31, "must be positive"),
    "candidate_count": (1, _MAX_CANDIDATES, "must be in the range [1, 8]"),
    "presence_penalty": (-2, 2, "must be in the range [-2.0, 2.0)"),
    "frequency_penalty": (-2, 2, "must be in the range [-2.0, 2.0)"),
    "logprobs": (0, _MAX_LOGPROBS, "must be in the range [0, 20]"),
}


class Thinking(Struct, frozen=True):
    """Whether the model thinks, and whether it shows its thoughts."""

    is_on: bool
    is_shown: bool


def check_settings(config: Mapping[str, Any]) -> None:
    """Check bounds, and what the members demand of one another. Raises Refused."""
    for name, (low, high, complaint) in _BOUNDS.items():
        if name in config and not low <= config[name] <= high:
            raise refuse_field(f"{_PATH}.{name}", f"{name} {complaint}.")
    if len(config.get("stop_sequences", ())) > _MAX_STOPS:
        text = f"the maximum number of stop sequences is {_MAX_STOPS}."
        raise refuse_field(f"{_PATH}.stop_sequences", text)
    if config.get("logprobs") and not config.get("response_logprobs"):
        raise refuse("Logprobs is not enabled: response_logprobs must be true to set logprobs.")


def read_schema(config: Mapping[str, Any]) -> tuple[dict[str, Any] | None, bool]:
    """Return the schema the answer must obey, and whether it must be JSON. Raises Refused."""
    mime_type = config.get("response_mime_type", "")
    if mime_type not in _MIME_TYPES:
        allowed = "`text/plain`, `application/json`, `application/xml`, and `text/x.enum`"
        raise refuse_field(f"{_PATH}.response_mime_type", f"allowed mimetypes are {allowed}.")
    schema = config.get("response_schema")
    plain = config.get("response_json_schema", config.get("_response_json_schema"))
    if schema is not None and plain is not None:
        text = "cannot be set together with response_json_schema"
        raise refuse_field(f"{_PATH}.response_schema", text)
    if (schema is not None or plain is not None) and mime_type in ("", "text/plain"):
        name = "response_schema" if schema is not None else "response_json_schema"
        text = "only allowed when `response_mime_type` is `application/json` or `text/x.enum`"
        raise refuse_field(f"{_PATH}.{name}", text)
    if schema is not None:
        return read_subset(schema, f"{_PATH}.response_schema"), True
    if plain is not None:
        return read_json_schema(plain, f"{_PATH}.response_json_schema"), True
    return None, mime_type == "application/json"


def read_thinking(config: Mapping[str, Any], family: Family) -> Thinking:
    """Return what the thinking configuration asks for. Raises Refused."""
    thinking = config.get("thinking_config", {})
    budget, level = thinking.get("thinking_budget"), thinking.get("thinking_level")
    if level == "THINKING_LEVEL_UNSPECIFIED":
        level = None
    if budget is not None and level is not None:
        raise refuse("You can only set only one of thinking budget and thinking level.")
    if family.budgets is None:
        if budget or level is not None or thinking.get("include_thoughts"):
            raise refuse("Thinking is not enabled for this model.")
        return Thinking(is_on=False, is_shown=False)
    if level is not None:
        _check_level(level, family)
    if budget is not None:
        _check_budget(budget, family)
    return Thinking(is_on=budget != 0, is_shown=bool(thinking.get("include_thoughts")))


def _check_level(level: str, family: Family) -> None:
    if not family.levels:
        raise refuse("Thinking level is not supported for this model.")
    if level not in family.levels:
        raise refuse(
            f"Thinking level {level} is not supported for this model. "
            "Please retry with other thinking level."
        )


def _check_budget(budget: int, family: Family) -> None:
    low, high = family.budgets or (0, 0)
    if budget == 0 and not family.quiet:
        raise refuse("Budget 0 is invalid. This model only works in thinking mode.")
    if budget not in (0, -1) and not low <= budget <= high:
        raise refuse(
            f"The thinking budget {budget} is invalid. "
            f"Please choose a value between {low} and {high}."
        )
