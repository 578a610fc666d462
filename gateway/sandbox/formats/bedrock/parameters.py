"""What inference parameters, tools and the model behind them demand of one another."""

from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct

from gateway.sandbox.formats.bedrock.blocks import refuse_format
from gateway.sandbox.formats.bedrock.families import Family
from gateway.sandbox.formats.bedrock.refusals import raise_as, refuse, refuse_by_model
from gateway.sandbox.prompt import ToolOffer
from gateway.sandbox.soundness import is_sound

_MIN_BUDGET = 1024


class Tools(Struct, frozen=True):
    """The tools of a request: (offer, mark behind it) in order, and the neutral choice."""

    offers: tuple[tuple[ToolOffer, str | None], ...] = ()
    choice: str = "auto"


class Thinking(Struct, frozen=True):
    """Whether the model may think, whether it must be told how long, and whether it shows it."""

    on: bool
    manual: bool = False
    shown: bool = True


def check_inference(request: Mapping[str, Any], family: Family) -> None:
    """Check sampling and length against the model. Raises Refused."""
    given = request.get("inferenceConfig") or {}
    most = given.get("maxTokens")
    if most is not None and family.max_output is not None and most > family.max_output:
        raise refuse(
            f"The maximum tokens you requested exceeds the model limit of {family.max_output}. Try "
            f"again with a maximum tokens value that is lower than {family.max_output}."
        )
    claude = family.claude
    if claude is None:
        return
    sampling = [
        word for name, word in (("temperature", "temperature"), ("topP", "top_p"))
        if given.get(name) is not None
    ]  # fmt: skip
    if sampling and not claude.sampling:
        raise refuse_by_model(f"`{sampling[0]}` is deprecated for this model.")
    if len(sampling) == 2 and not claude.both_sampling:
        raise refuse_by_model(
            "`temperature` and `top_p` cannot both be specified for this model. "
            "Please use only one."
        )


def read_thinking(request: Mapping[str, Any], family: Family) -> Thinking:
    """Read what the model-specific fields say of thinking. Raises Refused."""
    fields = request.get("additionalModelRequestFields")
    if fields is None:
        fields = {}
    if not isinstance(fields, dict):
        raise refuse_format("additionalModelRequestFields")
    for name in fields:
        if family.extra is not None and name not in family.extra:
            raise refuse_by_model(f"{name}: Extra inputs are not permitted")
    thinking = fields.get("thinking") or fields.get("reasoning_config")
    if thinking is None:
        return Thinking(on=family.claude is None)
    if not isinstance(thinking, dict) or thinking.get("type") not in (
        "enabled",
        "disabled",
        "adaptive",
    ):
        raise refuse_by_model("thinking: Input should be a valid dictionary")
    shown = thinking.get("display", "summarized") == "summarized"
    kind = thinking["type"]
    if kind == "enabled":
        _check_budget(thinking, request.get("inferenceConfig") or {}, family)
    claude = family.claude
    if kind == "adaptive" and claude is not None and not claude.adaptive_thinking:
        raise refuse_by_model("adaptive thinking is not supported on this model")
    return Thinking(on=kind != "disabled", manual=kind == "enabled", shown=shown)


def _check_budget(
    thinking: Mapping[str, Any], inference: Mapping[str, Any], family: Family
) -> None:
    if family.claude is not None and not family.claude.manual_thinking:
        raise refuse_by_model(
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" '
            'and "output_config.effort" to control thinking behavior.'
        )
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or isinstance(budget, bool) or budget < _MIN_BUDGET:
        raise refuse_by_model(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
        )
    most = inference.get("maxTokens")
    if most is not None and budget >= most:
        raise refuse_by_model("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if inference.get("temperature", 1) not in (None, 1):
        raise refuse_by_model("`temperature` may only be set to 1 when thinking is enabled.")


def read_tools(request: Mapping[str, Any], family: Family, *, stream: bool) -> Tools:
    """Return the tools on offer. Raises Refused."""
    config = request.get("toolConfig")
    if config is None:
        return Tools()
    if not family.tools:
        raise refuse("This model doesn't support tool use.")
    if stream and not family.forced_tools and family.mark == "meta.llama3":
        raise refuse("This model doesn't support tool use in streaming mode.")
    offers: list[tuple[ToolOffer, str | None]] = []
    for at, tool in enumerate(config["tools"]):
        if tool.get("cachePoint") is not None:
            if offers:
                offers[-1] = (offers[-1][0], tool["cachePoint"].get("ttl") or "5m")
        elif tool.get("toolSpec") is not None:
            offers.append((_read_spec(tool["toolSpec"], f"toolConfig.tools.{at}.toolSpec"), None))
    names = [offer.name for offer, _ in offers]
    if len(set(names)) < len(names):
        raise refuse("The toolConfig.tools field contains duplicate tool names.")
    return Tools(tuple(offers), _read_choice(config.get("toolChoice"), names, family))


def _read_spec(spec: Mapping[str, Any], spot: str) -> ToolOffer:
    schema = spec["inputSchema"]["json"]
    if not isinstance(schema, dict):
        raise refuse_format(f"{spot}.inputSchema.json")
    if schema.get("type") != "object":
        raise refuse(
            f"The value at {spot}.inputSchema.json.type must be one of the following: object."
        )
    if not is_sound(schema):
        raise refuse_by_model(
            f"{spot}.inputSchema.json: JSON schema is invalid. "
            "It must match JSON Schema draft 2020-12"
        )
    return ToolOffer(spec["name"], schema)


def _read_choice(choice: Mapping[str, Any] | None, names: list[str], family: Family) -> str:
    kind = next((name for name, value in (choice or {}).items() if value is not None), "auto")
    if choice is None or kind == "auto":
        return "auto"
    if not family.forced_tools:
        field = f"toolConfig.toolChoice.{kind}"
        raise refuse(f"This model doesn't support the {field} field. Remove {field} and try again.")
    if kind == "any":
        return "required"
    name = str(choice["tool"]["name"])
    if name not in names:
        raise refuse(f"The tool '{name}' of toolConfig.toolChoice is not in toolConfig.tools.")
    return name


def allows_parallel(request: Mapping[str, Any]) -> bool:
    """Whether Claude may call several tools at once: Converse itself has no word for it."""
    fields = request.get("additionalModelRequestFields") or {}
    choice = fields.get("tool_choice")
    return not (isinstance(choice, dict) and choice.get("disable_parallel_tool_use"))


def read_schema(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema the answer must obey: it comes as text. Raises Refused."""
    wanted = (request.get("outputConfig") or {}).get("textFormat")
    if wanted is None:
        return None
    spot = "outputConfig.textFormat.structure.jsonSchema.schema"
    try:
        schema = orjson.loads(wanted["structure"]["jsonSchema"]["schema"])
    except orjson.JSONDecodeError as broken:
        raise refuse(f"The value at {spot} is not valid JSON.") from broken
    if not isinstance(schema, dict) or not is_sound(schema):
        raise refuse_format(spot)
    return schema


def check_marks(marks: list[str], family: Family) -> None:
    """Check the cache points: their number, their order, and whether the model has a cache."""
    if marks and family.cache_floor is None:
        raise raise_as(
            "AccessDeniedException",
            403,
            "You invoked an unsupported model or your request did not allow prompt caching. "
            "See the documentation for more information.",
        )
    if len(marks) > 4:
        raise refuse_by_model(
            f"A maximum of 4 blocks with cache_control may be provided. Found {len(marks)}."
        )
    if "5m" in marks and "1h" in marks[marks.index("5m") :]:
        raise refuse_by_model(
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."
        )
