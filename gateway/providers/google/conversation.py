"""The conversation: OpenAI's messages as Google's system instruction and alternating turns.

Leading system messages become `systemInstruction`. One that comes later becomes text of a user turn
between `SYSTEM_OPEN` and `SYSTEM_CLOSE`: there is no such role. Neighbours of one role are merged.
The results of calls are a turn of their own, right after the calls.
"""

from typing import Any

from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.messages import SYSTEM_CLOSE, SYSTEM_OPEN
from gateway.providers.google.calls import CallLedger, call_part
from gateway.providers.google.media import Part, media_part
from gateway.providers.google.native import read_native
from gateway.providers.google.parts import input_parts, texts
from gateway.providers.google.plan import Plan
from gateway.providers.google.signatures import (
    SIGNATURE,
    SKIP_VALIDATION,
    call_signature,
    signed_text,
    signed_thoughts,
)
from gateway.types.chat import ChatRequest, Message, Role, leading_system_count

# A conversation has to begin with the user; an empty text is taken (recorded).
_NOTHING_SAID: Part = {"text": ""}


class Conversation(Struct, frozen=True):
    """The parts of the system instruction, the turns, and how many results had to be made up."""

    system: list[Part]
    contents: list[dict[str, Any]]
    missing: int


def build_conversation(chat: ChatRequest, plan: Plan) -> Conversation:
    """Write the conversation. Raises InvalidRequest, naming the part Google would refuse."""
    leading = leading_system_count(chat.messages)
    system: list[Part] = [
        {"text": text}
        for index, message in enumerate(chat.messages[:leading])
        for text in texts(message, index)
        if text.strip()
    ]
    turns = _Turns(plan)
    for index, message in enumerate(chat.messages[leading:], leading):
        turns.add(message, index)
    return Conversation(system, turns.finish(), turns.missing)


class _Turns:
    """Merges messages into turns, one message at a time."""

    def __init__(self, plan: Plan) -> None:
        self.missing = 0
        self._plan = plan
        self._ledger = CallLedger(plan)
        self._contents: list[dict[str, Any]] = []
        self._asked: list[Part] = []  # of the user's turn in the making
        self._answers: list[tuple[Message, int]] = []  # tool messages, with their indexes

    def add(self, message: Message, index: int) -> None:
        match message.role:
            case Role.ASSISTANT:
                self._add_assistant(message, index)
            case Role.TOOL:
                self._answers.append((message, index))
            case Role.USER:
                self._asked += input_parts(message, index, self._plan)
            case Role.SYSTEM | Role.DEVELOPER:
                self._asked += [
                    {"text": f"{SYSTEM_OPEN}{text}{SYSTEM_CLOSE}"}
                    for text in texts(message, index)
                    if text.strip()
                ]

    def finish(self) -> list[dict[str, Any]]:
        self._settle()
        if not self._contents or self._contents[0]["role"] == "model":
            self._contents.insert(0, {"role": "user", "parts": [dict(_NOTHING_SAID)]})
        return self._contents

    def _settle(self) -> None:
        """Write the user's side of the last exchange: results first, in a turn of their own."""
        settled = self._ledger.settle(self._answers)
        self.missing += settled.missing
        asked = [*settled.beside, *self._asked]
        for parts in (settled.results, asked):
            if parts:
                self._contents.append({"role": "user", "parts": parts})
        self._asked, self._answers = [], []

    def _add_assistant(self, message: Message, index: int) -> None:
        parts = self._native_parts(message, index) or self._assistant_parts(message, index)
        if not parts:
            return  # nothing was said: the turns around it merge
        if self._asked or self._answers:
            self._settle()
        self._ledger.expect(message.tool_calls)
        if self._contents and self._contents[-1]["role"] == "model":
            self._contents[-1]["parts"] += parts
        else:
            self._contents.append({"role": "model", "parts": parts})

    def _native_parts(self, message: Message, index: int) -> list[Part] | None:
        parts = read_native(message, index)
        if parts is None:
            return None
        self._sign([part for part in parts if "functionCall" in part])
        return [*parts, *_pictures(message, index, self._plan)]

    def _assistant_parts(self, message: Message, index: int) -> list[Part]:
        said = "".join(_said(message, index))
        calls = [self._call_part(message, index, place) for place in range(len(message.tool_calls))]
        self._sign(calls)
        pictures = _pictures(message, index, self._plan)
        return [*signed_thoughts(message), *signed_text(said, message), *pictures, *calls]

    def _sign(self, calls: list[Part]) -> None:
        """Sign the first call of a message where its own signature was lost, or never was."""
        if calls and self._plan.generation.signatures:
            calls[0].setdefault(SIGNATURE, SKIP_VALIDATION)

    def _call_part(self, message: Message, index: int, place: int) -> Part:
        call = message.tool_calls[place]
        part = call_part(call, self._plan, f"messages[{index}].tool_calls[{place}]")
        signature = call_signature(call, message)
        return {**part, SIGNATURE: signature} if signature else part


def _said(message: Message, index: int) -> list[str]:
    refusal = message.extra.get("refusal")
    return [*texts(message, index), refusal if isinstance(refusal, str) else ""]


def _pictures(message: Message, index: int, plan: Plan) -> list[Part]:
    """Write the pictures of an earlier answer, in the member that gave them out."""
    images = message.extra.get("images")
    found: list[Part] = []
    for place, image in enumerate(images if isinstance(images, list) else ()):
        where = f"messages[{index}].images[{place}]"
        inner = image.get("image_url") if isinstance(image, dict) else None
        url = inner.get("url") if isinstance(inner, dict) else None
        if not isinstance(url, str):
            raise InvalidRequest("A picture needs its 'image_url.url'.", param=where)
        part = media_part(url, plan, f"{where}.image_url.url")
        signature = image.get("thought_signature")
        found.append({**part, SIGNATURE: signature} if isinstance(signature, str) else part)
    return found
