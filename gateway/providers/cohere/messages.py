"""The conversation: OpenAI's messages as Cohere's.

System messages come first, every call has an id of its own and a result right after, and nothing
may be empty (docs.cohere.com, "Errors", 2026-11); a history that is otherwise is mended. Thoughts
of earlier answers go back as a `thinking` part, or as the `tool_plan` of a turn that calls tools,
which is what models without thinking write. Citations go back with the answer they came with.
"""

from collections.abc import Iterable

import orjson

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.names import Names
from gateway.providers.cohere.parts import (
    THINKING,
    assistant_part,
    retold_part,
    system_part,
    tool_part,
    user_part,
    write_content,
)
from gateway.providers.history import Content, WaitingCall, as_result, as_system, pair_results
from gateway.types.chat import ChatRequest, Message, Role, ToolCall
from gateway.types.json import JsonObject

CITATIONS = "citations"
TOOL_PLAN = "tool_plan"


def build_messages(
    chat: ChatRequest, names: Names, *, thinks: bool, words: Iterable[str] = ()
) -> list[JsonObject]:
    """Write the conversation, with `words` of the gateway's own after the system messages.

    `thinks`: the model is known to think, so what it says before a call is a thought and no plan.
    Raises InvalidRequest, naming the place, for a call without a result and for what Cohere cannot
    take.
    """
    talk = _Talk(names, thinks=thinks)
    for index, message in enumerate(chat.messages):
        talk.add(message, f"messages[{index}]")
    return talk.finish(words)


class _Talk:
    """The messages written so far, and the calls that wait for a result."""

    def __init__(self, names: Names, *, thinks: bool) -> None:
        self._names = names
        self._thinks = thinks
        self._system: list[JsonObject] = []
        self._written: list[JsonObject] = []
        self._ids: set[str] = set()
        self._waiting: list[WaitingCall] = []
        self._results: list[tuple[Message, str]] = []

    def add(self, message: Message, path: str) -> None:
        if message.role is Role.TOOL:
            self._results.append((message, path))
            return
        self._settle()
        match message.role:
            case Role.ASSISTANT:
                self._add_assistant(message, path)
            case Role.USER:
                self._say("user", write_content(message, path, user_part))
            case Role.SYSTEM | Role.DEVELOPER:
                self._add_system(write_content(message, path, system_part))

    def finish(self, words: Iterable[str]) -> list[JsonObject]:
        self._settle()
        own = [{"role": "system", "content": text} for text in words]
        return [*self._system, *own, *self._written]

    def _say(self, role: str, content: Content) -> None:
        self._written.append({"role": role, "content": content})

    def _add_system(self, content: Content) -> None:
        if _is_blank(content):
            return  # it says nothing, and an empty message is refused
        if self._written:
            self._say("user", as_system(content))
        else:
            self._system.append({"role": "system", "content": content})

    def _add_assistant(self, message: Message, path: str) -> None:
        plan = self._plan(message)
        content = _answer(message, path, thought=None if plan else message.reasoning_text)
        body: JsonObject = {"role": "assistant"}
        if content:
            body["content"] = content
        if message.tool_calls:
            body["tool_calls"] = [
                self._call(call, f"{path}.tool_calls[{place}]")
                for place, call in enumerate(message.tool_calls)
            ]
            if plan:
                body[TOOL_PLAN] = plan
        elif _is_blank(content):
            return
        citations = message.extra.get(CITATIONS)
        if isinstance(citations, list) and citations:
            body[CITATIONS] = citations
        self._written.append(body)

    def _plan(self, message: Message) -> str | None:
        """Return the plan of a turn that calls tools; None where there is none, or a thought."""
        if not message.tool_calls:
            return None
        own = message.extra.get(TOOL_PLAN)
        if isinstance(own, str):
            return own
        return None if self._thinks else message.reasoning_text

    def _call(self, call: ToolCall, path: str) -> JsonObject:
        wire_id = self._wire_id(call.id)
        self._waiting.append(WaitingCall(call.id, wire_id, call.name, path))
        function = {"name": self._names.wire(call.name), "arguments": _arguments(call, path)}
        return {"id": wire_id, "type": "function", "function": function}

    def _wire_id(self, client_id: str) -> str:
        """Return the id to send: no two calls of a request may share theirs."""
        found, number = client_id, 2
        while found in self._ids:
            found = f"{client_id}_{number}"
            number += 1
        self._ids.add(found)
        return found

    def _settle(self) -> None:
        """The turn that had to answer is over: write its results, and what answers nothing."""
        paired = pair_results(self._waiting, [message for message, _ in self._results])
        loose = []
        for (message, path), call in zip(self._results, paired, strict=True):
            if call is None:
                loose.append(as_result(message, write_content(message, path, retold_part)))
                continue
            content = write_content(message, path, tool_part)
            body = {"role": "tool", "tool_call_id": call.wire_id, "content": content}
            self._written.append(body)
        self._waiting, self._results = [], []
        for told in loose:
            self._say("user", told)


def _answer(message: Message, path: str, *, thought: str | None) -> Content:
    """Return the content; empty where there is none."""
    if isinstance(message.content, str) and not thought:
        return message.content
    parts = [
        assistant_part(part, f"{path}.content[{place}]") for place, part in enumerate(message.parts)
    ]
    if thought and not any(part["type"] == THINKING for part in parts):
        parts.insert(0, {"type": THINKING, THINKING: thought})
    refusal = message.extra.get("refusal")
    if isinstance(refusal, str) and refusal:
        parts.append({"type": "text", "text": refusal})
    return [part for part in parts if part[part["type"]]]


def _arguments(call: ToolCall, path: str) -> str:
    """Return the arguments of a call, which must be a JSON object. Raises InvalidRequest."""
    if call.custom:  # free text: other providers' calls in a history
        return orjson.dumps({"input": call.arguments}).decode()
    if not call.arguments.strip():
        return "{}"
    try:
        parsed = orjson.loads(call.arguments)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        raise InvalidRequest(
            "The arguments of a tool call must be a JSON object.",
            param=f"{path}.function.arguments",
        )
    return call.arguments


def _is_blank(content: Content) -> bool:
    """Whether nothing is said aloud: an answer of thoughts alone is as empty as none."""
    texts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
    return not any(text.strip() for text in texts)
