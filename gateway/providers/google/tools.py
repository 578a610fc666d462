"""Tools and the choice among them.

Function tools map one to one, in one list of declarations. OpenAI's custom tools (free text instead
of JSON) are offered as functions with one string, and turned back on the way out. Tools that run at
Google are written `{"type": "google_search", "google_search": {…}}`, in either spelling.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.calls import CUSTOM_INPUT
from gateway.providers.google.plan import Plan
from gateway.providers.google.schema import parameters_schema
from gateway.providers.google.subset import subset_schema
from gateway.types.chat import ChatRequest, Tool, ToolChoice, ToolChoiceMode

_WEB_SEARCH = "googleSearch"
# Google's own (`Tool` in the API references of both services, 2026-11), and OpenAI's word for one.
_OWN_TOOLS: Mapping[str, str] = {
    "code_execution": "codeExecution",
    "computer_use": "computerUse",
    "enterprise_web_search": "enterpriseWebSearch",
    "file_search": "fileSearch",
    "google_maps": "googleMaps",
    "google_search": _WEB_SEARCH,
    "google_search_retrieval": "googleSearchRetrieval",
    "retrieval": "retrieval",
    "url_context": "urlContext",
    "web_search": _WEB_SEARCH,
}
_OWN_NAMES = {**_OWN_TOOLS, **{name: name for name in _OWN_TOOLS.values()}}
_MODES: Mapping[ToolChoiceMode, str] = {
    ToolChoiceMode.AUTO: "AUTO",
    ToolChoiceMode.NONE: "NONE",
    ToolChoiceMode.REQUIRED: "ANY",
    ToolChoiceMode.NAMED: "ANY",
}


def build_tools(chat: ChatRequest, plan: Plan) -> list[dict[str, Any]]:
    """Write `tools`: the functions at the place of the first, Google's own at theirs.

    Raises InvalidRequest for a tool of another vendor.
    """
    tools: list[dict[str, Any]] = []
    declarations: list[dict[str, Any]] = []
    for index, tool in enumerate(chat.tools):
        if tool.kind in ("function", "custom"):
            if _is_left_out(tool, chat, plan):
                continue
            if not declarations:
                tools.append({"functionDeclarations": declarations})
            write = _custom if tool.kind == "custom" else _function
            declarations.append(write(tool, plan))
        else:
            tools.append(_own(tool, index))
    if "web_search_options" in chat.extra and not any(_WEB_SEARCH in tool for tool in tools):
        tools.append({_WEB_SEARCH: {}})
    return tools


def build_tool_config(
    chat: ChatRequest, plan: Plan, tools: list[dict[str, Any]]
) -> dict[str, Any] | None:
    """Write `toolConfig`, None where nothing has to be said.

    Raises InvalidRequest where `allowed_tools` allows none of the tools.
    """
    has_functions = any("functionDeclarations" in tool for tool in tools)
    # Functions beside tools of Google's own have to be asked for, and then there is no AUTO; Vertex
    # knows neither the member nor the condition.
    is_mixed = has_functions and len(tools) > 1 and plan.generation.mixes and not plan.vertex
    config: dict[str, Any] = {}
    calling = _calling_config(chat, plan, is_mixed=is_mixed) if has_functions else None
    if calling is not None:
        config["functionCallingConfig"] = calling
    if is_mixed:
        config["includeServerSideToolInvocations"] = True
    return config or None


def _function(tool: Tool, plan: Plan) -> dict[str, Any]:
    written: dict[str, Any] = {"name": plan.names.wire(tool.name)}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.schema is None:
        return written
    if plan.generation.json_schema:
        written["parametersJsonSchema"] = parameters_schema(tool.schema)
    else:
        written["parameters"] = {"type": "object", **subset_schema(tool.schema)}
    return written


def _custom(tool: Tool, plan: Plan) -> dict[str, Any]:
    given = tool.raw.get("custom")
    inner = given if isinstance(given, Mapping) else {}
    described = inner.get("description")
    said = [described, _grammar(inner.get("format"))]
    schema = {
        "type": "object",
        "properties": {CUSTOM_INPUT: {"type": "string"}},
        "required": [CUSTOM_INPUT],
    }
    key = "parametersJsonSchema" if plan.generation.json_schema else "parameters"
    written: dict[str, Any] = {"name": plan.names.wire(tool.name), key: schema}
    words = " ".join(text for text in said if isinstance(text, str) and text)
    return {**written, "description": words} if words else written


def _grammar(form: object) -> str:
    """Say in words what OpenAI would enforce with a grammar."""
    grammar = form.get("grammar", form) if isinstance(form, Mapping) else None
    if not isinstance(grammar, Mapping) or not grammar.get("definition"):
        return ""
    return (
        f"The input must match this {grammar.get('syntax', '')} grammar:\n{grammar['definition']}"
    )


def _own(tool: Tool, index: int) -> dict[str, Any]:
    name = _OWN_NAMES.get(tool.kind)
    if name is None:
        raise InvalidRequest(
            "Tools of this type are not supported by the model that would answer.",
            param=f"tools[{index}].type",
            code="unsupported_tool",
        )
    return {name: dict(_settings(tool, name))}


def _settings(tool: Tool, name: str) -> Iterator[tuple[str, Any]]:
    """Yield a tool's settings: the object of its name, in either spelling, or what stands beside."""
    for spelling in (tool.kind, name):
        inner = tool.raw.get(spelling)
        if isinstance(inner, Mapping):
            yield from inner.items()
            return
    for key, value in tool.raw.items():
        if key not in ("type", "name", "cache_control"):
            yield key, value


def _calling_config(chat: ChatRequest, plan: Plan, *, is_mixed: bool) -> dict[str, Any] | None:
    choice = chat.tool_choice or ToolChoice(ToolChoiceMode.AUTO)
    mode = _MODES[choice.mode]
    wants_more = _all_strict(chat) or choice.allowed is not None
    if mode == "AUTO" and wants_more and plan.generation.validated:
        mode = "VALIDATED"  # schemas are kept, and the functions can be limited
    if mode == "AUTO" and (is_mixed or chat.tool_choice is None):
        return None
    names = _allowed(chat, choice)
    if names is None or mode == "AUTO":
        return {"mode": mode}
    return {"mode": mode, "allowedFunctionNames": [plan.names.wire(name) for name in names]}


def _is_left_out(tool: Tool, chat: ChatRequest, plan: Plan) -> bool:
    """Whether a function must not even be declared: older models cannot limit a free choice."""
    choice = chat.tool_choice
    if choice is None or choice.allowed is None or choice.mode is not ToolChoiceMode.AUTO:
        return False
    return not plan.generation.validated and tool.name not in choice.allowed


def _allowed(chat: ChatRequest, choice: ToolChoice) -> list[str] | None:
    if choice.mode is ToolChoiceMode.NAMED and choice.name is not None:
        return [choice.name]
    if choice.allowed is None:
        return None
    known = [tool.name for tool in chat.tools if tool.kind in ("function", "custom")]
    names = [name for name in known if name in choice.allowed]
    if not names:
        raise InvalidRequest("'allowed_tools' names none of the functions.", param="tool_choice")
    return names


def _all_strict(chat: ChatRequest) -> bool:
    functions = [tool for tool in chat.tools if tool.kind == "function"]
    return bool(functions) and all(tool.strict is True for tool in functions)
