"""Reading usage in OpenAI's shape and its dialects."""

from typing import Any

import pytest

from gateway.providers.openai.usage import read_usage
from gateway.types.usage import Usage


def reading(prompt: Any = 100, completion: Any = 50, total: Any = None, **more: Any) -> Any:
    total = total if total is not None else 150
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total, **more}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (reading(), Usage(input=100, output=50)),
        (reading(0, 0, 0), Usage()),
        (reading(100.0, 50.0), Usage(input=100, output=50)),
        (
            reading(
                prompt_tokens_details={
                    "cached_tokens": 30,
                    "cache_write_tokens": 20,
                    "audio_tokens": 10,
                },
                completion_tokens_details={"reasoning_tokens": 15, "audio_tokens": 5},
            ),
            Usage(
                input=40,
                cache_read=30,
                cache_write=20,
                audio_input=10,
                output=30,
                reasoning=15,
                audio_output=5,
            ),
        ),
        (
            reading(prompt_tokens_details=None, completion_tokens_details=None),
            Usage(input=100, output=50),
        ),
        (
            reading(prompt_cache_hit_tokens=60, prompt_cache_miss_tokens=40),
            Usage(input=40, cache_read=60, output=50),
        ),
        (reading(cached_tokens=60), Usage(input=40, cache_read=60, output=50)),
        (
            reading(cache_read_input_tokens=60, cache_creation_input_tokens=10),
            Usage(input=30, cache_read=60, cache_write=10, output=50),
        ),
        (
            reading(total=180, completion_tokens_details={"reasoning_tokens": 30}),
            Usage(input=100, output=50, reasoning=30),
        ),
        (reading(reasoning_tokens=20), Usage(input=100, output=30, reasoning=20)),
        (
            reading(prompt_tokens_details={"cached_tokens": 161}),
            Usage(input=100, output=50),
        ),
        (
            reading(completion_tokens_details={"reasoning_tokens": 51}),
            Usage(input=100, output=50),
        ),
        (
            reading(prompt_tokens_details={"cached_tokens": 90, "audio_tokens": 50}),
            Usage(input=0, cache_read=90, audio_input=10, output=50),
        ),
    ],
)
def test_every_dialect_lands_in_disjoint_buckets(raw: Any, expected: Usage) -> None:
    found = read_usage(raw)

    assert found is not None
    assert found.usage == expected


def test_the_totals_are_the_providers() -> None:
    found = read_usage(reading(prompt_tokens_details={"cached_tokens": 7}))

    assert found is not None
    assert (found.usage.prompt, found.usage.completion) == (100, 50)


def test_usage_that_clients_can_read_is_kept_as_it_is() -> None:
    plain = reading(cost=0.1)
    apart = reading(total=180, completion_tokens_details={"reasoning_tokens": 30})
    without_total = {"prompt_tokens": 1, "completion_tokens": 2}

    raws = [found.raw for found in map(read_usage, (plain, apart, without_total)) if found]

    assert raws == [plain, None, None]


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {},
        [],
        "12",
        {"total_tokens": 5},
        {"prompt_tokens": 5},
        reading(completion=None),
        reading(prompt=-1),
        reading(completion="50"),
        reading(completion=1.5),
        reading(completion=True),
        reading(completion=10**18),
        reading(total="many"),
        reading(prompt_tokens_details={"cached_tokens": -5}),
        reading(prompt_tokens_details={"cached_tokens": "5"}),
        reading(completion_tokens_details={"reasoning_tokens": 10**12}),
    ],
)
def test_what_cannot_be_true_is_no_usage(raw: Any) -> None:
    assert read_usage(raw) is None
