"""The conversation, in the order and with the members that Mistral's validation lets through.

A member it does not know is answered with 422, and roles out of order with 400 (code 3230): after
a tool's result comes the assistant, a system message never follows the assistant, every call is
answered by one result, and the last word is the user's, a tool's, or a prefix of the answer
(mistral-common's validator and recorded traffic, 2026). Histories that were cut, or began with
another provider, break these rules; they are mended, and nothing that was said is lost.
"""

import orjson

from gateway.errors import InvalidRequest
from gateway.providers.history import Content, WaitingCall, as_result, as_system, pair_results
from gateway.providers.mistral.ids import CallIds
from gateway.providers.mistral.parts import write_part
from gateway.types.chat import Message, Role, Text, ToolCall
from gateway.types.json import JsonObject

BRIDGE = "OK"
"""What the assistant is made to say between a tool's result and the user."""
FORMAT = "mistral"  # the origin that reasoning blocks name


def build_messages(messages: tuple[Message, ...], *, thinks: bool) -> list[JsonObject]:
    """Write the conversation; `thinks` False: thoughts of earlier answers are left out.

    Raises InvalidRequest, naming the place, for a call without a result and for parts that Mistral
    cannot take.
    """
    talk = _Talk(thinks=thinks)
    for index, message in enumerate(messages):
        talk.add(message, f"messages[{index}]")
    return talk.finish()


class _Talk:
    """The messages written so far, and what the next one has to follow."""

    def __init__(self, *, thinks: bool) -> None:
        self._thinks = thinks
        self._written: list[JsonObject] = []
        self._ids = CallIds()
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
                self._add_user(_content(message, path))
            case _:
                self._add_system(message, path)

    def finish(self) -> list[JsonObject]:
        self._settle()
        roles = [str(body["role"]) for body in self._written]
        if roles == ["assistant"] or set(roles) <= {"system"}:
            raise InvalidRequest(
                "Mistral models need at least one user message to answer.", param="messages"
            )
        last = self._written[-1]
        if last["role"] == "assistant":
            last["prefix"] = True
        elif last["role"] == "system":
            last |= {"role": "user", "content": as_system(last["content"])}
        return self._written

    def _last_role(self) -> str | None:
        return str(self._written[-1]["role"]) if self._written else None

    def _add_user(self, content: Content) -> None:
        if self._last_role() == "tool":
            self._written.append({"role": "assistant", "content": BRIDGE})
        self._written.append({"role": "user", "content": content})

    def _add_system(self, message: Message, path: str) -> None:
        content = _content(message, path)
        if self._last_role() in ("assistant", "tool"):
            self._add_user(as_system(content))
        else:
            self._written.append({"role": "system", "content": content})

    def _add_assistant(self, message: Message, path: str) -> None:
        content = self._answer(message, path)
        if not content and not message.tool_calls:
            return  # nothing was said, and an empty message is refused
        body: JsonObject = {"role": "assistant", "content": content}
        if message.tool_calls:
            body["tool_calls"] = [
                self._call(call, f"{path}.tool_calls[{place}]")
                for place, call in enumerate(message.tool_calls)
            ]
        self._written.append(body)

    def _answer(self, message: Message, path: str) -> Content:
        thought = self._thought(message)
        refusal = message.extra.get("refusal")
        refused = [Text(refusal)] if isinstance(refusal, str) and refusal else []
        if thought is None and not refused and not isinstance(message.content, tuple):
            return message.content or ""
        chunks = [] if thought is None else [thought]
        for place, part in enumerate((*message.parts, *refused)):
            chunk = write_part(part, f"{path}.content[{place}]")
            if chunk.get("text") != "":
                chunks.append(chunk)
        return chunks

    def _thought(self, message: Message) -> JsonObject | None:
        if not self._thinks:
            return None
        own = [block for block in message.reasoning if block.format == FORMAT]
        text = message.reasoning_text or "".join(block.text or "" for block in own)
        signature = next((block.signature for block in own if block.signature), None)
        if not text and signature is None:
            return None
        said = [{"type": "text", "text": text}] if text else []
        chunk: JsonObject = {"type": "thinking", "thinking": said}
        return chunk if signature is None else {**chunk, "signature": signature}

    def _call(self, call: ToolCall, path: str) -> JsonObject:
        wire_id = self._wire_id(call.id)
        self._waiting.append(WaitingCall(call.id, wire_id, call.name, path))
        arguments = call.arguments
        if call.custom:  # free text: other providers' calls in a history
            arguments = orjson.dumps({"input": arguments}).decode()
        function = {"name": call.name, "arguments": arguments}
        return {"id": wire_id, "type": "function", "function": function}

    def _wire_id(self, client_id: str) -> str:
        """Return the id to send: within one turn, no two calls may share theirs."""
        taken = {call.wire_id for call in self._waiting}
        found, number = self._ids.wire(client_id), 2
        while found in taken:
            found = self._ids.wire(f"{client_id}#{number}")
            number += 1
        return found

    def _settle(self) -> None:
        """The turn that had to answer is over: write its results, and what answers nothing."""
        messages = [message for message, _ in self._results]
        paired = pair_results(self._waiting, messages)
        loose: list[Content] = []
        for (message, path), call in zip(self._results, paired, strict=True):
            content = _content(message, path)
            if call is None:
                loose.append(as_result(message, content))
                continue
            body: JsonObject = {"role": "tool", "content": content, "tool_call_id": call.wire_id}
            if message.name is not None:
                body["name"] = message.name
            self._written.append(body)
        self._waiting, self._results = [], []
        for told in loose:
            self._add_user(told)


def _content(message: Message, path: str) -> Content:
    if not isinstance(message.content, tuple):
        return message.content or ""
    return [
        write_part(part, f"{path}.content[{place}]") for place, part in enumerate(message.content)
    ]
