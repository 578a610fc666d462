"""A scene performed: the pieces of the answer in order, each with its price in tokens.

Streamed and whole replies are rendered from the same tape, so they cannot disagree.
"""

from collections.abc import Iterator
from enum import StrEnum

import orjson
from msgspec import Struct

from gateway.sandbox.prompt import Prompt
from gateway.sandbox.script import CallTool, Finish, Refuse, Say, Scene, Step, Think
from gateway.sandbox.tokens import count_tokens, split_slices, split_words


class Kind(StrEnum):
    """What a beat adds."""

    THINK = "think"
    REDACTED = "redacted"
    SAY = "say"
    REFUSE = "refuse"
    CALL = "call"  # a call opens; the text is the tool's name
    ARGS = "args"  # a piece of its arguments


class Beat(Struct, frozen=True):
    """The smallest piece of an answer. Beats of one step share `block`, counted from 0."""

    kind: Kind
    block: int
    text: str
    tokens: int


class Tape(Struct, frozen=True):
    """A whole answer. `stop` is the stop sequence it ran into."""

    beats: tuple[Beat, ...]
    finish: Finish
    stop: str | None = None

    @property
    def reasoning(self) -> int:
        """Tokens spent on thinking."""
        return sum(beat.tokens for beat in self.beats if is_thought(beat))

    @property
    def output(self) -> int:
        """Tokens of everything else."""
        return sum(beat.tokens for beat in self.beats if not is_thought(beat))


def is_thought(beat: Beat) -> bool:
    """Whether a beat is reasoning."""
    return beat.kind in (Kind.THINK, Kind.REDACTED)


def record(scene: Scene, prompt: Prompt) -> Tape:
    """Perform a scene within the request's own bounds: its maximum of tokens, its stop sequences."""
    limits = [limit for limit in (scene.limit, prompt.max_tokens) if limit is not None]
    left = min(limits) if limits else None
    beats: list[Beat] = []
    for block, step in enumerate(scene.steps):
        text, stop = _until_stop(step, prompt.stops)
        for kind, piece in _pieces(step, text):
            beat = Beat(kind, block, piece, count_tokens(piece))
            if left is not None and beat.tokens > left:
                return Tape(tuple(beats), Finish.LENGTH)
            left = left if left is None else left - beat.tokens
            beats.append(beat)
        if stop is not None:
            return Tape(tuple(beats), Finish.STOP_SEQUENCE, stop)
    return Tape(tuple(beats), scene.finish)


def _until_stop(step: Step, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """Return what is said before the first stop sequence, and that sequence."""
    if not isinstance(step, Say):
        return "", None
    found = [(at, stop) for stop in stops if stop and (at := step.text.find(stop)) >= 0]
    if not found:
        return step.text, None
    at, stop = min(found)
    return step.text[:at], stop


def _pieces(step: Step, said: str) -> Iterator[tuple[Kind, str]]:
    match step:
        case Think(text, redacted=True):
            yield Kind.REDACTED, text
        case Think(text):
            yield from ((Kind.THINK, word) for word in split_words(text))
        case Say():
            yield from ((Kind.SAY, word) for word in split_words(said))
        case Refuse(text):
            yield from ((Kind.REFUSE, word) for word in split_words(text))
        case CallTool(name, arguments):
            yield Kind.CALL, name
            text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
            yield from ((Kind.ARGS, part) for part in split_slices(text))
