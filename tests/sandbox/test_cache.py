"""The prompt caches: what a repeated prompt costs, and what a changed one costs again."""

from typing import Any

import httpx
import pytest

from gateway.sandbox.cache import PromptCache, PromptCounts, make_unit
from gateway.sandbox.prompt import Unit
from tests.sandbox.talking import ANTHROPIC, OPENAI, message, read_sse, row, tool

LONG = "word " * 1200  # 6,000 bytes: 1,500 tokens and the role
EPHEMERAL = {"type": "ephemeral"}


def marked(*sizes: tuple[int, str | None]) -> list[Unit]:
    """Return units of so many tokens, with the lifetime of the mark behind each."""
    return [Unit(f"{at}:{size}".encode(), size, mark) for at, (size, mark) in enumerate(sizes)]


def test_a_marked_prefix_is_written_once_and_then_read() -> None:
    cache = PromptCache()
    units = marked((2000, "5m"), (100, None))
    assert cache.settle_marked("a", units, 1024, 0) == PromptCounts(100, 0, 2000)
    assert cache.settle_marked("a", units, 1024, 1) == PromptCounts(100, 2000)
    assert cache.settle_marked("b", units, 1024, 1) == PromptCounts(100, 0, 2000)


def test_a_use_renews_the_five_minutes() -> None:
    cache = PromptCache()
    units = marked((2000, "5m"))
    cache.settle_marked("a", units, 1024, 0)
    assert cache.settle_marked("a", units, 1024, 299).cache_read == 2000
    assert cache.settle_marked("a", units, 1024, 598).cache_read == 2000
    assert cache.settle_marked("a", units, 1024, 898).cache_read == 0


def test_an_hour_is_written_at_its_own_price_and_lasts() -> None:
    cache = PromptCache()
    units = marked((2000, "1h"), (500, "5m"), (10, None))
    assert cache.settle_marked("a", units, 1024, 0) == PromptCounts(10, 0, 500, 2000)
    assert cache.settle_marked("a", units, 1024, 3000) == PromptCounts(10, 2000, 500)


def test_below_the_floor_nothing_is_cached() -> None:
    cache = PromptCache()
    for now in (0, 1):
        assert cache.settle_marked("a", marked((1023, "5m")), 1024, now) == PromptCounts(1023)


def test_a_changed_beginning_costs_everything_behind_it_again() -> None:
    cache = PromptCache()
    head, block, tail = (
        make_unit("system", LONG, "5m"),
        make_unit("system", "date: 1", "5m"),
        make_unit("user", LONG, "5m"),
    )
    first = cache.settle_marked("a", [head, block, tail], 1024, 0)
    assert first.cache_write == head.tokens + block.tokens + tail.tokens
    changed = make_unit("system", "date: 2", "5m")
    second = cache.settle_marked("a", [head, changed, tail], 1024, 1)
    assert second == PromptCounts(0, head.tokens, changed.tokens + tail.tokens)


def test_a_growing_conversation_finds_its_last_mark_within_twenty_parts() -> None:
    cache = PromptCache()
    base = [Unit(b"base", 2000, None), Unit(b"turn", 10, "5m")]
    cache.settle_marked("a", base, 1024, 0)
    moved = [base[0], Unit(b"turn", 10, None)]
    for extra, found in ((20, 2010), (21, 0)):
        more = [Unit(f"{extra}.{at}".encode(), 10, None) for at in range(extra - 1)]
        units = [*moved, *more, Unit(b"end", 10, "5m")]
        assert cache.settle_marked("a", units, 1024, 1).cache_read == found


def test_automatic_caching_works_in_steps_from_1024_tokens() -> None:
    cache = PromptCache()
    for size, found in ((1023, 0), (1024, 1024), (1151, 1024), (1152, 1152), (1500, 1408)):
        units = [Unit(str(size).encode().ljust(size * 4, b"x"), size)]
        assert cache.settle_automatic("a", units, 0).cache_read == 0
        assert cache.settle_automatic("a", units, 1) == PromptCounts(size - found, found)
        assert cache.settle_automatic("a", units, 1000).cache_read == 0


def test_automatic_caching_reads_the_common_beginning() -> None:
    cache = PromptCache()
    head = make_unit("system", LONG)
    cache.settle_automatic("a", [head, make_unit("user", "one " * 100)], 0)
    counts = cache.settle_automatic("a", [head, make_unit("user", "two " * 100)], 1)
    assert counts.cache_read == head.tokens // 128 * 128


def test_the_least_recently_used_prefixes_make_room() -> None:
    cache = PromptCache()
    units = marked((2000, "5m"))
    cache.settle_marked("kept", units, 1024, 0)
    cache.settle_marked("dropped", units, 1024, 0)
    for at in range(8191):
        cache.settle_marked("kept", units, 1024, 0)
        cache.settle_marked(f"n{at}", units, 1024, 0)
    assert cache.settle_marked("kept", units, 1024, 1).cache_read == 2000
    assert cache.settle_marked("dropped", units, 1024, 1).cache_read == 0


def test_openai_reports_what_it_read_from_the_cache(http: httpx.Client) -> None:
    request = {
        "model": "gpt-4o",
        "messages": [{"role": "system", "content": LONG}, {"role": "user", "content": "hi"}],
    }
    usages = [http.post(OPENAI, json=request).json()["usage"] for _ in range(2)]
    assert [one["prompt_tokens_details"]["cached_tokens"] for one in usages] == [0, 1408]
    assert usages[0]["prompt_tokens"] == usages[1]["prompt_tokens"]
    booked = row(http)
    assert booked["cache_read"] == 1408
    assert booked["input"] == usages[1]["prompt_tokens"] - 1408


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_reports_reads_and_writes_apart(http: httpx.Client, stream: bool) -> None:
    system = [{"type": "text", "text": LONG, "cache_control": {**EPHEMERAL, "ttl": "1h"}}]
    request = message("claude-sonnet-4-5", system=system, stream=stream)

    def usage() -> dict[str, Any]:
        reply = http.post(ANTHROPIC, json=request)
        found: dict[str, Any] = (
            read_sse(reply.text)[0][1]["message"]["usage"] if stream else reply.json()["usage"]
        )
        return found

    first, second = usage(), usage()
    size = first["cache_creation_input_tokens"]
    assert size == 1502
    assert first["cache_creation"] == {
        "ephemeral_5m_input_tokens": 0,
        "ephemeral_1h_input_tokens": size,
    }
    assert (second["cache_read_input_tokens"], second["cache_creation_input_tokens"]) == (size, 0)
    assert first["input_tokens"] == second["input_tokens"] == 5
    assert row(http)["cache_read"] == size


def test_a_mark_on_the_request_caches_the_last_block(http: httpx.Client) -> None:
    request = message("claude-sonnet-4-5", LONG, cache_control=EPHEMERAL)
    usage = http.post(ANTHROPIC, json=request).json()["usage"]
    assert (usage["input_tokens"], usage["cache_creation_input_tokens"]) == (0, 1502)


def test_changed_thinking_keeps_system_texts_cached_but_not_messages(http: httpx.Client) -> None:
    system = [{"type": "text", "text": LONG, "cache_control": EPHEMERAL}]
    content = [{"type": "text", "text": LONG, "cache_control": EPHEMERAL}]
    request = message("sandbox-echo", system=system)
    request["messages"][0]["content"] = content
    http.post(ANTHROPIC, json=request)
    request["thinking"] = {"type": "adaptive"}
    usage = http.post(ANTHROPIC, json=request).json()["usage"]
    assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (1502, 1502)


def test_a_marked_tool_is_cached_and_the_mark_is_no_part_of_it(http: httpx.Client) -> None:
    schema = {"type": "object", "properties": {}, "description": LONG}
    request = message(
        "claude-sonnet-4-5", tools=[{**tool("f", schema), "cache_control": EPHEMERAL}]
    )
    written = http.post(ANTHROPIC, json=request).json()["usage"]["cache_creation_input_tokens"]
    assert written > 1500
    request["tools"][0]["cache_control"] = {**EPHEMERAL, "ttl": "1h"}
    assert http.post(ANTHROPIC, json=request).json()["usage"]["cache_read_input_tokens"] == written
