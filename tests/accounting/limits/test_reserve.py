"""What a request may use, reckoned before it is sent."""

import pytest

from gateway.accounting.limits.reserve import (
    PICTURE_TOKENS,
    Reservation,
    prompt_tokens,
    reserve,
)
from gateway.types.chat import Audio, ChatRequest, Image, Message, Role, Text
from gateway.types.models import ModelInfo, ModelPrice, Price, PriceState, PriceTier

CHEAP = ModelInfo(
    "p", "cheap", price=ModelPrice(PriceState.PRICED, Price(1_000_000_000, 2_000_000_000))
)
DEAR = ModelInfo(
    "p",
    "dear",
    max_output=500,
    price=ModelPrice(
        PriceState.PRICED,
        Price(5_000_000_000, 25_000_000_000),
        tiers=(PriceTier(200_000, Price(10_000_000_000, 50_000_000_000)),),
    ),
)
UNKNOWN = ModelInfo("p", "unknown", known=False)


def reckon(*models: ModelInfo, prompt: int = 1_000, **more: int | None) -> Reservation:
    limits = {"max_tokens": None, "reserve_output": 2_048, **more}
    return reserve(models, prompt=prompt, at=0.0, **limits)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("max_tokens", "output"), [(None, 2_048), (100, 100), (2_048, 2_048), (100_000, 2_048)]
)
def test_a_reply_counts_up_to_what_the_client_asks_and_the_operator_reserves(
    max_tokens: int | None, output: int
) -> None:
    found = reckon(CHEAP, max_tokens=max_tokens)
    assert found == Reservation(1_000 + output, 1_000 * 1_000 + output * 2_000)


def test_a_reply_is_no_longer_than_the_model_can_write() -> None:
    assert reckon(DEAR) == Reservation(1_500, 1_000 * 5_000 + 500 * 25_000)


def test_the_dearest_target_counts_and_so_does_the_longest() -> None:
    dear = reckon(DEAR).cost_nano
    assert reckon(CHEAP, DEAR) == reckon(DEAR, CHEAP) == Reservation(3_048, dear)


def test_long_prompts_are_reckoned_at_their_own_price() -> None:
    assert reckon(DEAR, prompt=300_000).cost_nano == 300_000 * 10_000 + 500 * 50_000


def test_several_choices_cost_as_many_replies() -> None:
    assert reckon(CHEAP, choices=4, max_tokens=10).tokens == 1_040


def test_an_unknown_price_costs_nothing_here() -> None:
    assert reckon(UNKNOWN) == Reservation(3_048, 0)


def test_a_kind_of_request_without_a_reply_reserves_none() -> None:
    assert reckon(CHEAP, reserve_output=0).tokens == 1_000


def test_text_counts_by_its_bytes_and_pictures_and_sound_do_not() -> None:
    picture = "data:image/png;base64," + "A" * 3_500_000
    sound = "B" * 350_000
    text = chat(Text("x" * 7_000))
    assert prompt_tokens(text, 7_700) == 2_200
    seen = prompt_tokens(chat(Text("x" * 7_000), Image(picture)), 7_700 + len(picture))
    assert seen == 2_200 + PICTURE_TOKENS
    assert prompt_tokens(chat(Audio(sound, "mp3")), 700 + len(sound)) == 200 + 1_000


def chat(*parts: Text | Image | Audio) -> ChatRequest:
    return ChatRequest("m", (Message(Role.USER, parts),))
