"""What a request may use, reckoned before it is sent. Pure.

    tokens = body bytes / 3.5 + the scope's token budget
             + choices x min(max_tokens, limits.reserve_output, the model's most)
    cost   = those, at the dearest target of the plan

Pictures and sound inside the body are no text: they count by what vendors charge for them, not by
their bytes. The truth settles it afterwards. What was used beyond the reservations of requests that
were on their way at the same time is the most by which a limit can be exceeded.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from gateway.accounting.cost import cost_nano
from gateway.types.chat import Audio, ChatRequest, Image
from gateway.types.models import ModelInfo
from gateway.types.usage import Usage, estimate_tokens

PICTURE_TOKENS: Final = 2_000
"""For one picture: OpenAI, Anthropic and Google charge up to about 1,600 for one in full detail
(their pages on vision, 2026-11)."""

SOUND_BYTES_A_TOKEN: Final = 350
"""Base64 of a 128 kbit/s MP3 is 21 kB a second, for which vendors charge 10 to 32 tokens."""


class Reservation(Struct, frozen=True):
    """Tokens and nano-dollars set aside for one request."""

    tokens: int
    cost_nano: int


NOTHING: Final = Reservation(0, 0)


def reserve(
    models: Iterable[ModelInfo],
    *,
    prompt: int,
    max_tokens: int | None,
    reserve_output: int,
    at: float,
    choices: int = 1,
) -> Reservation:
    """Reckon what a request may use at any of the models of its plan.

    `prompt` is in tokens, context included. `max_tokens` is the client's; where it named none,
    `reserve_output` stands for it (0: a kind of request that has no reply in tokens). `at` is when
    the request came (Unix seconds). A model whose price is unknown costs nothing here: what becomes
    of it is decided by `prices.unknown`.
    """
    most_tokens = most_cost = 0
    for model in models:
        wanted = reserve_output if max_tokens is None else min(max_tokens, reserve_output)
        output = max(choices, 1) * min(wanted, model.max_output or wanted)
        usage = Usage(input=prompt, output=output)
        most_tokens = max(most_tokens, usage.total)
        most_cost = max(most_cost, cost_nano(usage, model.price, at) or 0)
    return Reservation(most_tokens, most_cost)


def prompt_tokens(chat: ChatRequest, body_bytes: int) -> int:
    """Reckon the prompt of a chat request from the size of its body."""
    text_bytes, tokens = body_bytes, 0
    for message in chat.messages:
        for part in message.parts:
            if isinstance(part, Image):
                text_bytes -= len(part.url)
                tokens += PICTURE_TOKENS
            elif isinstance(part, Audio):
                text_bytes -= len(part.data)
                tokens += -(-len(part.data) // SOUND_BYTES_A_TOKEN)
    return tokens + estimate_tokens(max(text_bytes, 0))
