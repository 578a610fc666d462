"""Applies a provider's fates to a request: what is dropped, what is refused, what the client hears.

Runs once per attempt, before `build_chat`. What each fate means stands at `Fate` in
`providers/base.py`; the policy says how strictly it is taken.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gateway.errors import InvalidRequest
from gateway.providers.base import Fate
from gateway.types.account import UnsupportedPolicy
from gateway.types.chat import ChatRequest, OutputFormat, Reasoning, ToolChoice, ToolChoiceMode

__all__ = ["UnsupportedPolicy", "apply_fates"]

_KEPT = (Fate.CARRIED, Fate.TRANSLATED)
_ABSENT = (None, (), Reasoning())
_MAX_TOKENS = ("max_tokens", "max_completion_tokens")
# A model that refuses one of these cannot give the client what it asked for: dropping is no cure.
_CHANGES_REPLY = frozenset(
    {
        "audio",
        "logprobs",
        "modalities",
        "n",
        "response_format",
        "tools",
        "top_logprobs",
        "web_search_options",
    }
)


class _Field(Struct, frozen=True):
    """A typed field: how to read the client's value, and what to set so that it is not sent."""

    read: Callable[[ChatRequest], Any]
    drop: Callable[[ChatRequest], ChatRequest]


def _sampling(name: str) -> _Field:
    empty: Any = () if name == "stop" else None
    return _Field(
        lambda chat: getattr(chat.sampling, name),
        lambda chat: replace(chat, sampling=replace(chat.sampling, **{name: empty})),
    )


_REASONING = _Field(lambda chat: chat.reasoning, lambda chat: replace(chat, reasoning=Reasoning()))
_FIELDS: Mapping[str, _Field] = {
    "temperature": _sampling("temperature"),
    "top_p": _sampling("top_p"),
    "top_k": _sampling("top_k"),
    "seed": _sampling("seed"),
    "frequency_penalty": _sampling("frequency_penalty"),
    "presence_penalty": _sampling("presence_penalty"),
    "stop": _sampling("stop"),
    "max_tokens": _Field(lambda chat: chat.max_tokens, lambda c: replace(c, max_tokens=None)),
    "tools": _Field(lambda chat: chat.tools, lambda chat: chat),
    "tool_choice": _Field(lambda chat: chat.tool_choice, lambda c: replace(c, tool_choice=None)),
    "parallel_tool_calls": _Field(
        lambda chat: chat.parallel_tool_calls, lambda c: replace(c, parallel_tool_calls=None)
    ),
    "response_format": _Field(lambda chat: chat.output, lambda chat: replace(chat, output=None)),
    "reasoning_effort": _REASONING,
}


def apply_fates(
    chat: ChatRequest,
    fates: Mapping[str, Fate],
    policy: UnsupportedPolicy,
    refuses: tuple[str, ...] = (),
) -> tuple[ChatRequest, tuple[str, ...]]:
    """Remove what the provider (`fates`) or the model (`refuses`) does not take.

    Returns the request to build from, and warnings such as "dropped: seed". A typed field without
    a row is carried; a member of `extra` without one has the fate of "*" (dropped if there is no
    "*"). What a model refuses counts as sampling, or as refused where it changes the answer.
    A value that is the default anyway (`n: 1`, `store: false`) is removed without a word.

    Raises InvalidRequest(code="unsupported_parameter", param=field).
    """
    warnings: list[str] = []
    for name, field in _droppable(chat, fates, refuses):
        value = field.read(chat)
        fate = _fate(name, fates, refuses)
        if value in _ABSENT or fate in _KEPT:
            continue
        if not _is_harmless(name, value):
            if _is_refused(name, fate, policy):
                raise _unsupported(name)
            warnings.extend(f"dropped: {spelling}" for spelling in _spellings(name, chat))
        chat = field.drop(chat)
    return chat, tuple(warnings)


def _droppable(
    chat: ChatRequest, fates: Mapping[str, Fate], refuses: tuple[str, ...]
) -> Iterator[tuple[str, _Field]]:
    """Yield the fields that may have to go: typed ones, then members in the client's order."""
    for name, field in _FIELDS.items():
        if name in fates or name in refuses:
            yield name, field
    for name in chat.extra:
        yield name, _extra_field(name)


def _extra_field(name: str) -> _Field:
    def drop(chat: ChatRequest) -> ChatRequest:
        rest = {key: value for key, value in chat.extra.items() if key != name}
        return replace(chat, extra=rest)

    return _Field(lambda chat: chat.extra.get(name), drop)


def _fate(name: str, fates: Mapping[str, Fate], refuses: tuple[str, ...]) -> Fate:
    if name in refuses and name not in _MAX_TOKENS:  # a refused spelling is respelled, not dropped
        return Fate.REFUSED if name in _CHANGES_REPLY else Fate.SAMPLING
    if name in _FIELDS:
        return fates.get(name, Fate.CARRIED)
    return fates.get(name, fates.get("*", Fate.DROPPED))


def _is_refused(name: str, fate: Fate, policy: UnsupportedPolicy) -> bool:
    if name == "tools":
        return True  # without its tools a conversation means something else, under every policy
    if fate is Fate.REFUSED:
        return policy is not UnsupportedPolicy.DROP_ALL
    return fate is Fate.SAMPLING and policy is UnsupportedPolicy.STRICT


def _spellings(name: str, chat: ChatRequest) -> Iterator[str]:
    """Name a field as the client wrote it; the wish to think has three spellings."""
    if name == "max_tokens":
        yield chat.max_tokens_field
        return
    if name != "reasoning_effort":
        yield name
        return
    thought = chat.reasoning
    raw = (thought.raw_thinking, thought.raw_reasoning)
    if raw[0] is not None:
        yield "thinking"
    if raw[1] is not None:
        yield "reasoning"
    if raw == (None, None):
        yield name


def _unsupported(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"The model that would answer does not support '{name}'. Leave it out, or send "
        '\'"gateway": {"unsupported": "drop_all"}\' to have such fields removed.'
        if name != "tools"
        else "The model that would answer does not support 'tools'. Choose another model.",
        code="unsupported_parameter",
        param=name,
    )


_HARMLESS: Mapping[str, Callable[[Any], bool]] = {
    "frequency_penalty": lambda value: value == 0,
    "presence_penalty": lambda value: value == 0,
    "temperature": lambda value: value == 1,
    "top_p": lambda value: value == 1,
    "parallel_tool_calls": lambda value: value is True,
    "tool_choice": lambda value: _is_free_choice(value),
    "response_format": lambda value: isinstance(value, OutputFormat) and value.kind == "text",
    "reasoning_effort": lambda value: value.effort == "none",
    "n": lambda value: value == 1,
    "logprobs": lambda value: value is False,
    "top_logprobs": lambda value: value == 0,
    "logit_bias": lambda value: value == {},
    "metadata": lambda value: value == {},
    "modalities": lambda value: value == ["text"],
    "service_tier": lambda value: value in ("auto", "default"),
    "store": lambda value: value is False,
    "stream_options": lambda value: isinstance(value, dict),  # `include_obfuscation` and the like
}


def _is_free_choice(choice: ToolChoice) -> bool:
    return choice.mode is ToolChoiceMode.AUTO and choice.allowed is None


def _is_harmless(name: str, value: Any) -> bool:
    """Whether a value says what holds anyway, so that removing it changes nothing."""
    judge = _HARMLESS.get(name)
    return judge is not None and judge(value)
