"""JSON answers: Converse's structured output, and what stands in for it on models without.

There is no native form of `json_object`, and many models have none of `json_schema`: there the model
is made to call a tool whose input is the answer, which the parser turns back into content. Where no
tool can be forced, an instruction has to do.
"""

from typing import Any

import orjson

from gateway.providers.anthropic.plan import JsonWay
from gateway.providers.anthropic.schema import close_schema, input_schema
from gateway.providers.bedrock.media import Block
from gateway.providers.bedrock.plan import Plan
from gateway.types.chat import ChatRequest


def text_format(chat: ChatRequest, plan: Plan) -> dict[str, Any] | None:
    """Write `outputConfig.textFormat`, None where the answer is not asked for natively."""
    output = chat.output
    if plan.json is not JsonWay.NATIVE or output is None or output.schema is None:
        return None
    # The schema travels as text, and only closed objects are taken ("Structured output" page).
    definition = {"schema": orjson.dumps(close_schema(output.schema)).decode()}
    if output.name:
        definition["name"] = output.name
    if output.description:
        definition["description"] = output.description
    return {"type": "json_schema", "structure": {"jsonSchema": definition}}


def json_tool(chat: ChatRequest, plan: Plan) -> Block | None:
    """Write the tool that carries a JSON answer, None where none is needed."""
    if plan.json_tool is None or chat.output is None:
        return None
    about = "Give the answer as the JSON object the conversation asks for, complete, in one call."
    if chat.output.description:
        about = f"{about} {chat.output.description}"
    schema: dict[str, Any] = {"type": "object", "additionalProperties": True}
    if chat.output.schema is not None:
        schema = input_schema(chat.output.schema)
    spec = {"name": plan.json_tool, "description": about, "inputSchema": {"json": schema}}
    return {"toolSpec": spec}


def json_words(chat: ChatRequest, plan: Plan) -> str | None:
    """Write the instruction to answer in JSON, None where something stricter does it."""
    if plan.json is not JsonWay.WORDS or chat.output is None:
        return None
    words = "Answer with one JSON object and nothing else: no prose before or after, no code fence."
    if chat.output.schema is None:
        return words
    schema = orjson.dumps(chat.output.schema).decode()
    return f"{words} The object must be valid against this JSON Schema:\n{schema}"
