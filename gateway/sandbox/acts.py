"""What the simulated model does in the scenes that depend on the request."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.sandbox.conform import conform
from gateway.sandbox.cue import Cue
from gateway.sandbox.media import read_size
from gateway.sandbox.prompt import Media, Prompt, ToolOffer
from gateway.sandbox.script import CallTool, Finish, Say, Scene, Step, Think

_MAX_PARALLEL = 3
_LONG_WORDS = 20

THOUGHT = (
    "The user wants an answer. I weigh what was asked, look at what the conversation says, "
    "and decide to reply briefly."
)


def echo(cue: Cue) -> Scene:
    """Repeat the last user text, and tell what else was in the prompt.

    Like a real model it calls a tool when it must, and obeys a schema when one is given.
    """
    prompt = cue.prompt
    if prompt.choice not in ("auto", "none") and prompt.tools and not prompt.last_results:
        return call_tool(cue)
    if prompt.schema is not None or prompt.wants_json:
        return obey_schema(cue)
    if prompt.last_results:
        return Scene(steps=(Say(_report_results(prompt)),))
    text = f"Echo: {prompt.last_user_text or '(no user text)'}"
    if prompt.system:
        size = sum(len(part.encode()) for part in prompt.system)
        text += f"\n[system: {len(prompt.system)} texts, {size} bytes]"
    return Scene(steps=(Say(text),))


def long_text(cue: Cue) -> Scene:
    """Count from 1: as many words as the name says, else twenty. A lost word shows."""
    return Scene(steps=(Say(" ".join(str(at + 1) for at in range(cue.n or _LONG_WORDS))),))


def call_tool(cue: Cue) -> Scene:
    """Call the tool that must be called, else the first one; with results at hand, use them."""
    prompt = cue.prompt
    if prompt.last_results:
        return Scene(steps=(Say(_report_results(prompt)),))
    offers = _callable(prompt)
    return _calls(offers[:1])


def call_several(cue: Cue) -> Scene:
    """Call up to three tools at once, one tool twice; one call where parallel calls are forbidden."""
    prompt = cue.prompt
    if prompt.last_results:
        return Scene(steps=(Say(_report_results(prompt)),))
    offers = _callable(prompt)
    if not prompt.parallel:
        return _calls(offers[:1])
    return _calls(offers[:_MAX_PARALLEL] if len(offers) > 1 else offers * 2)


def think(cue: Cue) -> Scene:
    """Reason first, if the request lets us, then echo."""
    spoken = echo(cue)
    return Scene(steps=(*_thoughts(cue), *spoken.steps), finish=spoken.finish)


def think_and_call(cue: Cue) -> Scene:
    """Reason first, then call a tool; with results at hand, reason and answer."""
    called = call_tool(cue)
    return Scene(steps=(*_thoughts(cue), *called.steps), finish=called.finish)


def obey_schema(cue: Cue) -> Scene:
    """Answer with JSON that obeys the schema, or with any object where there is none."""
    prompt = cue.prompt
    value = conform(prompt.schema) if prompt.schema else {"echo": prompt.last_user_text}
    return Scene(steps=(Say(orjson.dumps(value).decode()),))


def describe_media(cue: Cue) -> Scene:
    """Report every picture, document and sound of the conversation: type, pixels, bytes."""
    found = [media for turn in cue.prompt.turns for media in turn.media]
    lines = [f"{at + 1}. {_describe(media)}" for at, media in enumerate(found)]
    return Scene(steps=(Say("\n".join(lines) or "I see no pictures."),))


def _describe(media: Media) -> str:
    if media.data is None:
        return f"{media.kind} {media.media_type or 'of unknown type'} at {media.place}"
    size = read_size(media.data)
    pixels = f" {size[0]}x{size[1]} pixels," if size else ""
    return f"{media.kind} {media.media_type},{pixels} {len(media.data)} bytes"


def _thoughts(cue: Cue) -> tuple[Step, ...]:
    if not cue.prompt.thinks:
        return ()
    thought = Think(THOUGHT)
    if cue.scene == "reasoning-redacted":
        return (Think("Something not for everybody's eyes.", redacted=True), thought)
    return (thought,)


def _callable(prompt: Prompt) -> list[ToolOffer]:
    if prompt.choice == "none":
        return []
    if prompt.choice in ("auto", "required"):
        return list(prompt.tools)
    return [offer for offer in prompt.tools if offer.name == prompt.choice]


def _calls(offers: list[ToolOffer]) -> Scene:
    if not offers:
        return Scene(steps=(Say("There is no tool I could call."),))
    steps = tuple(CallTool(offer.name, _arguments(offer)) for offer in offers)
    return Scene(steps=steps, finish=Finish.TOOLS)


def _arguments(offer: ToolOffer) -> Mapping[str, Any] | str:
    if offer.schema is None:
        return "some input"
    value = conform(offer.schema)
    return value if isinstance(value, dict) else {}


def _report_results(prompt: Prompt) -> str:
    return "\n".join(f"The tool {one.name} said: {one.text}" for one in prompt.last_results)
