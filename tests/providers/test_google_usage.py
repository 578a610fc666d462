"""Google: token counts in disjoint buckets."""

from typing import Any

import pytest

from gateway.types import events as ev
from gateway.types.usage import Usage
from tests.providers.google_scene import events, fragment, sse


def counted(*usages: Any) -> list[Usage]:
    parts = [{**fragment("a"), "usageMetadata": usage} for usage in usages]
    found = events(sse(*parts, fragment(finish="STOP")))
    return [event.usage for event in found if isinstance(event, ev.Usage)]


def audio(tokens: int, modality: Any = "AUDIO") -> list[dict[str, Any]]:
    return [{"modality": modality, "tokenCount": tokens}, {"modality": "TEXT", "tokenCount": 3}]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"promptTokenCount": 10, "candidatesTokenCount": 29, "thoughtsTokenCount": 202},
            Usage(input=10, output=29, reasoning=202),
        ),
        (
            {"promptTokenCount": 147, "toolUsePromptTokenCount": 360, "candidatesTokenCount": 1},
            Usage(input=507, output=1),
        ),
        (
            {"promptTokenCount": 100, "cachedContentTokenCount": 60},
            Usage(input=40, cache_read=60),
        ),
        (
            {
                "promptTokenCount": 1518,
                "cachedContentTokenCount": 1122,
                "promptTokensDetails": audio(160),
                "cacheTokensDetails": audio(118),
                "candidatesTokenCount": 202,
            },
            Usage(input=354, cache_read=1004, audio_input=42, output=202, audio_cache_read=118),
        ),
        (
            {"promptTokenCount": 50, "promptTokensDetails": audio(20, 4)},
            Usage(input=30, audio_input=20),
        ),
        (
            {"candidatesTokenCount": 90, "candidatesTokensDetails": audio(80)},
            Usage(output=10, audio_output=80),
        ),
        ({"promptTokenCount": "12", "candidatesTokenCount": 3.0}, Usage(input=12, output=3)),
        ({"promptTokenCount": 5, "cachedContentTokenCount": 9}, Usage(cache_read=5)),
        ({"promptTokenCount": 5, "promptTokensDetails": audio(9)}, Usage(audio_input=5)),
        ({"promptTokenCount": -5, "candidatesTokenCount": True}, None),
        ({"promptTokenCount": 10**12, "trafficType": "ON_DEMAND"}, None),
        ([], None),
    ],
    ids=str,
)
def test_every_token_is_in_one_bucket(usage: Any, expected: Usage | None) -> None:
    assert counted(usage) == ([] if expected is None else [expected])


def test_totals_overwrite_each_other_and_silence_overwrites_nothing() -> None:
    found = counted(
        {"promptTokenCount": 55, "candidatesTokenCount": 2},
        {"promptTokenCount": 55, "candidatesTokenCount": 2},
        {"promptTokenCount": 55, "totalTokenCount": 55},
        {"promptTokenCount": 257, "candidatesTokenCount": 9, "thoughtsTokenCount": 4},
        {},
    )

    assert found == [Usage(input=55, output=2), Usage(input=257, output=9, reasoning=4)]


@pytest.mark.parametrize(
    ("told", "tier"),
    [
        ({"serviceTier": "standard"}, "default"),
        ({"serviceTier": "priority"}, "priority"),
        ({"serviceTier": "flex"}, "flex"),
        ({"trafficType": "ON_DEMAND"}, "default"),
        ({"trafficType": "ON_DEMAND_PRIORITY"}, "priority"),
        ({"trafficType": 1}, None),
        ({}, None),
    ],
)
def test_the_tier_that_served_is_told_in_openais_words(
    told: dict[str, Any], tier: str | None
) -> None:
    [start, *_] = events(sse({**fragment("a", finish="STOP"), "usageMetadata": told}))

    assert isinstance(start, ev.Start)
    assert start.extra.get("service_tier") == tier
