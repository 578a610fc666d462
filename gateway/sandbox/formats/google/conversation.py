"""The contents of a request: roles, the pairing of calls and responses, and signatures.

Neighbours of one role count as one turn. Rules: ai.google.dev, "Function calling" and "Thought
signatures" (2026), refusals seen from the real API, and recorded requests it took.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from gateway.sandbox.formats.google.families import Family
from gateway.sandbox.formats.google.parts import Part, PartReader
from gateway.sandbox.formats.google.refusals import refuse, refuse_field
from gateway.sandbox.prompt import ToolResult, Turn

_CALL_FIRST = (
    "Please ensure that function call turn comes immediately after a user turn or after a function "
    "response turn."
)
_RESPONSE_AFTER = (
    "Please ensure that function response turn comes immediately after a function call turn."
)
_COUNT = (
    "Please ensure that the number of function response parts is equal to the number of function "
    "call parts of the function call turn."
)


class Content(Struct, frozen=True):
    """One content: `role` is user or model."""

    role: str
    parts: tuple[Part, ...]

    def of(self, kind: str) -> list[Part]:
        """Return the parts of one kind."""
        return [part for part in self.parts if part.kind == kind]


def read_contents(
    raw: Sequence[Mapping[str, Any] | None], reader: PartReader, *, needs_role: bool
) -> tuple[Content, ...]:
    """Return the checked contents. Raises Refused."""
    if not raw:
        raise refuse_field("GenerateContentRequest.contents", "contents is not specified")
    contents = tuple(
        _read_content(one or {}, f"GenerateContentRequest.contents[{at}]", reader, needs_role)
        for at, one in enumerate(raw)
    )
    _check_pairs(_join(contents))
    return contents


def _read_content(
    raw: Mapping[str, Any], path: str, reader: PartReader, needs_role: bool
) -> Content:
    role = raw.get("role", "" if needs_role else "user")
    if role not in ("user", "model"):
        raise refuse("Please use a valid role: user, model.")
    parts = raw.get("parts", ())
    if not parts:
        raise refuse_field(f"{path}.parts", "contents.parts must not be empty.")
    return Content(
        role, tuple(reader.read(part, f"{path}.parts[{at}]") for at, part in enumerate(parts))
    )


def read_system(raw: Mapping[str, Any] | None, reader: PartReader) -> tuple[str, ...]:
    """Return the texts of a system instruction; its role does not matter. Raises Refused."""
    if raw is None:
        return ()
    path = "GenerateContentRequest.system_instruction"
    parts = [
        reader.read(part, f"{path}.parts[{at}]") for at, part in enumerate(raw.get("parts", ()))
    ]
    if not parts:
        raise refuse_field(f"{path}.parts", "system_instruction.parts must not be empty.")
    return tuple(part.text for part in parts)


def _join(contents: Sequence[Content]) -> list[Content]:
    turns: list[Content] = []
    for content in contents:
        if turns and turns[-1].role == content.role:
            turns[-1] = Content(content.role, (*turns[-1].parts, *content.parts))
        else:
            turns.append(content)
    return turns


def _check_pairs(turns: Sequence[Content]) -> None:
    before: list[Part] = []
    for at, turn in enumerate(turns):
        calls, responses = turn.of("call"), turn.of("response")
        if calls and (turn.role != "model" or at == 0):
            raise refuse(_CALL_FIRST)
        if responses and (turn.role != "user" or not before):
            raise refuse(_RESPONSE_AFTER)
        if len(responses) != len(before):
            raise refuse(_COUNT)
        _check_names(before, responses)
        before = calls
    if before:
        raise refuse(_COUNT)


def _check_names(calls: Sequence[Part], responses: Sequence[Part]) -> None:
    """Responses name their calls; where both have ids, by them too."""
    names, ids = {call.name for call in calls}, {call.id for call in calls}
    for response in responses:
        if response.name not in names:
            raise refuse(f"Function response `{response.name}` does not match any function call.")
        if response.id and "" not in ids and response.id not in ids:
            raise refuse(f"Function response id `{response.id}` does not match any function call.")


def check_signatures(contents: Sequence[Content], family: Family) -> None:
    """Demand the signature of the first call of every step since the user last spoke.

    Raises Refused.
    """
    if not family.demands:
        return
    asked = max(
        (at for at, one in enumerate(contents) if one.role == "user" and not one.of("response")),
        default=0,
    )
    for at in range(asked, len(contents)):
        calls = contents[at].of("call")
        goes_on = at > 0 and contents[at - 1].role == "model" and contents[at - 1].of("call")
        if calls and not goes_on and not calls[0].is_signed:
            raise refuse(
                "Function call is missing a thought_signature in functionCall parts. This is "
                "required for tools to work correctly, and missing thought_signature may lead to "
                "degraded model performance. Additional data, function call "
                f"`default_api:{calls[0].name}` , position {at + 1}. Please refer to "
                "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
            )


def make_turns(contents: Sequence[Content]) -> tuple[Turn, ...]:
    """Return what scenes see."""
    return tuple(
        Turn(
            "assistant" if turn.role == "model" else "user",
            tuple(part.text for part in turn.of("text")),
            tuple(media for part in turn.parts for media in part.media),
            tuple(ToolResult(part.name, part.text) for part in turn.of("response")),
        )
        for turn in _join(contents)
    )
