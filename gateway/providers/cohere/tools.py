"""Tools and the choice among them.

Cohere knows REQUIRED, NONE and nothing: a named tool becomes the only one there is (recorded).
"""

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.names import Names
from gateway.types.chat import ChatRequest, Tool, ToolChoiceMode
from gateway.types.json import JsonObject

_NO_ARGUMENTS: JsonObject = {"type": "object", "properties": {}}


def tool_members(chat: ChatRequest, names: Names) -> JsonObject:
    """Return `tools`, `strict_tools` and `tool_choice`, as far as they say something.

    Raises InvalidRequest for tools that are no functions, and for a choice that names none.
    """
    if not chat.tools:
        return {}
    choice = chat.tool_choice
    offered = list(enumerate(chat.tools))
    if choice is not None and (choice.name or choice.allowed is not None):
        named = choice.allowed if choice.allowed is not None else (choice.name,)
        offered = [(index, tool) for index, tool in offered if tool.name in named]
        if not offered:
            raise InvalidRequest("'tool_choice' names none of the tools.", param="tool_choice")
    members: JsonObject = {"tools": [_tool(tool, index, names) for index, tool in offered]}
    if any(tool.strict for _, tool in offered):
        members["strict_tools"] = True
    match choice.mode if choice is not None else ToolChoiceMode.AUTO:
        case ToolChoiceMode.REQUIRED | ToolChoiceMode.NAMED:
            members["tool_choice"] = "REQUIRED"
        case ToolChoiceMode.NONE:
            members["tool_choice"] = "NONE"
        case ToolChoiceMode.AUTO:
            pass
    return members


def _tool(tool: Tool, index: int, names: Names) -> JsonObject:
    if tool.kind != "function":
        raise InvalidRequest(
            "Cohere models take function tools only.",
            param=f"tools[{index}].type",
            code="unsupported_tool",
        )
    function: JsonObject = {"name": names.wire(tool.name)}
    if tool.description is not None:
        function["description"] = tool.description
    schema = tool.schema or _NO_ARGUMENTS
    function["parameters"] = schema if schema.get("type") else {**schema, "type": "object"}
    return {"type": "function", "function": function}
