"""JSON answers: Anthropic's structured outputs, and what stands in for them on models without.

There is no native form of `json_object`, and older models have none of `json_schema`: there the
model is made to call a tool whose input is the answer, which the parser turns back into content.
Where no tool can be forced, an instruction has to do.
"""

from typing import Any

import orjson

from gateway.providers.anthropic.plan import JsonWay, Plan
from gateway.providers.anthropic.schema import close_schema, input_schema
from gateway.types.chat import ChatRequest


def json_format(chat: ChatRequest, plan: Plan) -> dict[str, Any] | None:
    """Write `output_config.format`, None where the answer is not asked for natively."""
    if plan.json is not JsonWay.NATIVE or chat.output is None or chat.output.schema is None:
        return None
    return {"type": "json_schema", "schema": close_schema(chat.output.schema)}


def json_tool(chat: ChatRequest, plan: Plan) -> dict[str, Any] | None:
    """Write the tool that carries a JSON answer, None where none is needed."""
    if plan.json_tool is None or chat.output is None:
        return None
    about = "Give the answer as the JSON object the conversation asks for, complete, in one call."
    if chat.output.description:
        about = f"{about} {chat.output.description}"
    schema: dict[str, Any] = {"type": "object", "additionalProperties": True}
    if chat.output.schema is not None:
        schema = input_schema(chat.output.schema)
    return {"name": plan.json_tool, "description": about, "input_schema": schema}


def json_words(chat: ChatRequest, plan: Plan) -> str | None:
    """Write the instruction to answer in JSON, None where something stricter does it."""
    if plan.json is not JsonWay.WORDS or chat.output is None:
        return None
    words = "Answer with one JSON object and nothing else: no prose before or after, no code fence."
    if chat.output.schema is None:
        return words
    schema = orjson.dumps(chat.output.schema).decode()
    return f"{words} The object must be valid against this JSON Schema:\n{schema}"
