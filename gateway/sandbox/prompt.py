"""What a scene sees of a request, whatever format it came in."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class Media(Struct, frozen=True):
    """A picture, document or sound in the prompt. `data` is None where only `place` names it."""

    kind: str  # image | document | audio
    media_type: str
    data: bytes | None = None
    place: str = ""  # a URL or a file id


class ToolResult(Struct, frozen=True):
    """What a tool answered, with the name of the tool that was called, and the id of the call."""

    name: str
    text: str
    id: str = ""


class Turn(Struct, frozen=True):
    """One message of the conversation."""

    role: str  # user | assistant
    texts: tuple[str, ...] = ()
    media: tuple[Media, ...] = ()
    results: tuple[ToolResult, ...] = ()


class ToolOffer(Struct, frozen=True):
    """A tool the model may call. `schema` None: a free-text tool."""

    name: str
    schema: Mapping[str, Any] | None


class Unit(Struct, frozen=True):
    """A part of the prompt in the order the model reads it: what is counted and cached.

    `data` names the content for the cache; `mark` is the lifetime ("5m", "1h") of a cache
    breakpoint behind this part.
    """

    data: bytes
    tokens: int
    mark: str | None = None


class Prompt(Struct, frozen=True):
    """A checked chat request.

    `choice` is "auto", "none", "required" or the name of the tool that must be called. `schema` is
    the JSON schema the answer must obey; `wants_json` asks for JSON of any shape.
    """

    model: str
    turns: tuple[Turn, ...]
    units: tuple[Unit, ...]
    system: tuple[str, ...] = ()
    tools: tuple[ToolOffer, ...] = ()
    choice: str = "auto"
    parallel: bool = True
    schema: Mapping[str, Any] | None = None
    wants_json: bool = False
    max_tokens: int | None = None
    stops: tuple[str, ...] = ()
    thinks: bool = True
    shows_thinking: bool = True
    stream: bool = False
    include_usage: bool = True
    choices: int = 1
    logprobs: bool = False
    legacy_functions: bool = False  # OpenAI's `functions`, answered with `function_call`

    @property
    def last_user_text(self) -> str:
        """The text of the last user message that has any."""
        for turn in reversed(self.turns):
            if turn.role == "user" and turn.texts:
                return "\n".join(turn.texts)
        return ""

    @property
    def last_results(self) -> tuple[ToolResult, ...]:
        """The tool results the conversation ends with; empty where it ends otherwise."""
        return self.turns[-1].results if self.turns else ()

    @property
    def tokens(self) -> int:
        """Everything the model reads, cached or not."""
        return sum(unit.tokens for unit in self.units)
