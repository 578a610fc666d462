"""How a vendor's dialect differs from OpenAI's own, as data."""

from enum import StrEnum

from msgspec import Struct

from gateway.providers.openai.charges import Charge


class StreamEnd(StrEnum):
    """By what a stream is known to be complete: one that lacks it was cut."""

    DONE = "done"  # the marker `[DONE]`
    USAGE = "usage"  # no marker, but the usage we ask for comes last
    FINISH = "finish"  # a finish reason; and usage, where the server announces it


class Quirks(Struct, frozen=True):
    """The differences of one vendor; the defaults are a well-behaved copy of OpenAI's API.

    Requests. `replay` names the members under which an assistant message carries its earlier
    reasoning (`reasoning_content`, `reasoning`); `replay_details` sends `reasoning_details` that
    came from there. `cache_control` and `extra_content` say which extensions of history stay.
    `breakpoints` says, by the beginning of a model's name, how many cache markers it takes.
    `one_system_message`: there are models whose chat template refuses a second one.
    `max_tokens_field` forces a spelling; `new_limit_for_thinking`: models that think take only
    `max_completion_tokens`. `developer_role`: the role is known, else it becomes
    `system`. `reasoning_object` and `thinking_object`: the vendor takes `reasoning` (OpenRouter's)
    or `thinking` (Anthropic's). `zero_penalties`: a penalty of 0 may be sent.
    `inline_media`: pictures are taken as data only, never by URL.

    Replies. `repair_finish`: "stop" after tool calls means "tool_calls". `citations`: sources at
    the top of the reply become annotations. `end` is by what a stream is known to be complete.
    `charge` reads from `usage` what the vendor says it charged.
    """

    replay: tuple[str, ...] = ()
    replay_details: bool = False
    cache_control: bool = False
    extra_content: bool = False
    breakpoints: tuple[tuple[str, int], ...] = ()
    one_system_message: bool = False
    max_tokens_field: str | None = None
    new_limit_for_thinking: bool = False
    developer_role: bool = False
    reasoning_object: bool = False
    thinking_object: bool = False
    zero_penalties: bool = True
    inline_media: bool = False
    repair_finish: bool = True
    citations: bool = False
    end: StreamEnd = StreamEnd.DONE
    charge: Charge | None = None


OPENAI_QUIRKS = Quirks(developer_role=True, new_limit_for_thinking=True, repair_finish=False)
