"""Where the block goes, and when it gets a cache breakpoint. What upstreams see: test_inject_wire."""

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from gateway.context.inject import client_path, inject
from gateway.providers.base import Placement
from gateway.types.chat import CacheMarker, ChatRequest, Message, Role, Text
from gateway.types.context import BreakpointPolicy
from gateway.wire.chat_read import read_chat
from tests.context.any_conversation import Body, bodies

FOUR = Placement(4)
JOINED = Placement(joined=True)
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
HI = {"role": "user", "content": "Hi"}


def chat_of(*messages: dict[str, Any], **members: Any) -> ChatRequest:
    return read_chat({"messages": list(messages), **members})


def text(words: str, marker: dict[str, str] | None = None) -> dict[str, Any]:
    part = {"type": "text", "text": words}
    return part if marker is None else {**part, "cache_control": marker}


def marker_of(chat: ChatRequest, policy: BreakpointPolicy = BreakpointPolicy.CLIENT) -> Any:
    """Return the block's marker: a CacheMarker, None, or False where it is missing altogether."""
    sent = inject(chat, "BLOCK", FOUR, policy)
    [block] = [message for message in sent.messages if message not in chat.messages]
    if block.content == "BLOCK":
        return None
    assert isinstance(block.content, tuple)
    [part] = block.content
    assert isinstance(part, Text)
    assert part.text == "BLOCK"
    return part.cache


def test_the_block_follows_the_leading_system_messages_in_their_role() -> None:
    client = (
        Message(Role.SYSTEM, "Be brief."),
        Message(Role.DEVELOPER, (Text("Be kind."),)),
        Message(Role.USER, "Hi"),
        Message(Role.SYSTEM, "Later rule"),
    )

    sent = inject(ChatRequest("m", client), "BLOCK", FOUR)

    assert sent.messages == (*client[:2], Message(Role.DEVELOPER, "BLOCK"), *client[2:])
    assert all(one is other for one, other in zip(sent.messages[:2], client, strict=False))


def test_without_system_messages_it_comes_first_as_one() -> None:
    chat = chat_of(HI)

    assert inject(chat, "BLOCK", FOUR).messages == (Message(Role.SYSTEM, "BLOCK"), *chat.messages)


def test_an_empty_block_changes_nothing() -> None:
    chat = chat_of(HI)

    assert inject(chat, "", FOUR, BreakpointPolicy.ALWAYS) is chat


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Be brief.", "Be brief.\n\nBLOCK"),
        ((Text("Be brief."), Text("Kind.")), (Text("Be brief."), Text("Kind."), Text("\n\nBLOCK"))),
    ],
)
def test_where_one_system_message_is_taken_the_block_continues_it(
    content: Any, expected: Any
) -> None:
    system = Message(Role.SYSTEM, content, name="app", extra={"x": 1})

    sent = inject(ChatRequest("m", (system, Message(Role.USER, "Hi"))), "BLOCK", JOINED)

    assert sent.messages == (
        Message(Role.SYSTEM, expected, name="app", extra={"x": 1}),
        Message(Role.USER, "Hi"),
    )


@pytest.mark.parametrize("count", [0, 2, 3])
def test_a_client_that_sends_none_or_several_gets_the_block_as_a_message(count: int) -> None:
    chat = chat_of(*[{"role": "system", "content": "A"}] * count, HI)

    assert inject(chat, "BLOCK", JOINED).messages[count] == Message(Role.SYSTEM, "BLOCK")


TOOL = {"type": "function", "function": {"name": "f"}}
NATIVE = {"type": "bash_20250124", "name": "bash"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "members",
    [
        {"messages": [{"role": "user", "content": [text("Hi", MARK)]}]},
        {"messages": [{**HI, "cache_control": MARK}]},
        {"messages": [{"role": "system", "content": [text("A", MARK)]}, HI]},
        {"messages": [{"role": "system", "content": "A", "cache_control": MARK}, HI]},
        {"messages": [HI, {"role": "assistant", "content": "x", "cache_control": MARK}, HI]},
        {"messages": [HI], "tools": [{**TOOL, "cache_control": MARK}]},
        {"messages": [HI], "tools": [{**NATIVE, "cache_control": MARK}]},
        {"messages": [HI], "tools": [{"type": "cachePoint", "cachePoint": {"type": "default"}}]},
        {"messages": [HI], "cache_control": MARK},
        {"messages": [{"role": "user", "content": [{"type": "document", "cache_control": MARK}]}]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "cachePoint", "cachePoint": {"type": "x"}}]}
            ]
        },
        {
            "messages": [
                HI,
                {
                    "role": "assistant",
                    "content": "x",
                    "provider_content": {
                        "format": "anthropic",
                        "content": [{"type": "text", "text": "x", "cache_control": MARK}],
                    },
                },
                HI,
            ]
        },
        {
            "messages": [
                HI,
                {
                    "role": "assistant",
                    "tool_calls": [
                        {**CALL, "extra_content": {"anthropic": {"cache_control": MARK}}}
                    ],
                },
                {"role": "tool", "tool_call_id": "c", "content": "x"},
            ]
        },
        {
            "messages": [
                HI,
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c", "content": "x", "cache_control": MARK},
            ]
        },
    ],
)
def test_wherever_the_client_uses_markers_the_block_gets_one(members: Body) -> None:
    assert marker_of(read_chat(members)) == CacheMarker()


def test_without_any_marker_of_the_clients_only_the_policy_sets_one() -> None:
    # A property of a schema that has a marker's name is none.
    schema = {"type": "object", "properties": {"cache_control": {"type": "string"}}}
    tools = [
        {"type": "function", "function": {"name": "f", "parameters": schema}},
        {"type": "custom", "custom": {"name": "g", "format": schema}},
    ]
    chat = chat_of(HI, tools=tools)

    assert marker_of(chat) is None
    assert marker_of(chat, BreakpointPolicy.ALWAYS) == CacheMarker()


def test_never_is_never() -> None:
    chat = chat_of({**HI, "cache_control": MARK})

    assert marker_of(chat, BreakpointPolicy.NEVER) is None


@pytest.mark.parametrize("count", range(6))
def test_a_breakpoint_is_set_only_while_one_is_free(count: int) -> None:
    chat = chat_of({"role": "user", "content": [text("Hi", MARK)] * count or "Hi"})

    expected = CacheMarker() if count < 4 else None
    assert marker_of(chat, BreakpointPolicy.ALWAYS) == expected


def test_the_automatic_one_takes_one_of_the_four() -> None:
    three = [text("Hi", MARK)] * 3

    assert marker_of(chat_of({"role": "user", "content": three})) == CacheMarker()
    assert marker_of(chat_of({"role": "user", "content": three}, cache_control=MARK)) is None


def test_where_no_breakpoints_are_taken_none_is_set() -> None:
    chat = chat_of({**HI, "cache_control": MARK})

    for placement in (Placement(), JOINED, Placement(1)):
        sent = inject(chat, "BLOCK", placement, BreakpointPolicy.ALWAYS)
        assert sent.messages[0] == Message(Role.SYSTEM, "BLOCK")


@pytest.mark.parametrize(
    ("front", "behind", "expected"),
    [
        (None, MARK, CacheMarker()),
        (HOUR, None, CacheMarker()),  # a shorter one may follow
        (HOUR, MARK, CacheMarker()),
        (None, HOUR, CacheMarker("1h")),
        (HOUR, HOUR, CacheMarker("1h")),
        (MARK, HOUR, None),  # refused by the provider with or without ours
        (MARK, {"type": "ephemeral", "ttl": "2h"}, CacheMarker()),
    ],
)
def test_the_blocks_lifetime_fits_between_the_clients(
    front: dict[str, str] | None, behind: dict[str, str] | None, expected: CacheMarker | None
) -> None:
    for automatic in (False, True):
        user = text("Hi", None if automatic else behind)
        end = {"cache_control": behind} if automatic and behind else {}
        for tool in (False, True):
            tools = [{**TOOL, "cache_control": front}] if tool and front else [TOOL]
            system = text("A", None if tool else front)
            chat = chat_of(
                {"role": "system", "content": [system]},
                {"role": "user", "content": [user]},
                tools=tools,
                **end,
            )
            assert marker_of(chat) == expected


def lifetimes(chat: ChatRequest) -> list[str | None]:
    """Return the lifetimes of a request's markers in the order in which a provider reads them."""
    found = [tool.cache for tool in chat.tools]
    for message in chat.messages:
        found += [getattr(part, "cache", None) for part in message.parts]
        found.append(message.cache)
    ttls = [marker.ttl for marker in found if marker is not None]
    automatic = chat.extra.get("cache_control")
    return ttls if automatic is None else [*ttls, automatic.get("ttl")]


@given(bodies(), st.sampled_from(BreakpointPolicy))
@settings(max_examples=300, deadline=None)
def test_a_valid_order_and_number_of_markers_stays_valid(
    body: Body, policy: BreakpointPolicy
) -> None:
    chat = read_chat(body)
    before = lifetimes(chat)

    after = lifetimes(inject(chat, "BLOCK", FOUR, policy))

    assert len(before) <= len(after) <= 4
    assert len(after) - len(before) <= 1
    hours = [ttl == "1h" for ttl in after]
    assert hours == sorted(hours, reverse=True)
    if policy is BreakpointPolicy.ALWAYS:
        assert len(after) == min(4, len(before) + 1)


def test_the_depth_of_what_is_passed_on_unread_does_not_matter() -> None:
    deep: dict[str, Any] = {"cache_control": MARK}
    for _ in range(20_000):
        deep = {"x": [deep]}
    chat = ChatRequest("m", (Message(Role.USER, "Hi", extra=deep),))

    assert marker_of(chat) == CacheMarker()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("messages[0].content", "messages[0].content"),
        ("messages[1].content[2].text", "messages"),  # the block itself
        ("messages[2].content[2].text", "messages[1].content[2].text"),
        ("messages[12]", "messages[11]"),
        ("messages.[2].role", "messages.[1].role"),
        ("messages.2.content.0", "messages.1.content.0"),
        ("messages", "messages"),
        ("tools[3].name", "tools[3].name"),
        ("model", "model"),
    ],
)
def test_a_path_into_what_was_sent_is_told_as_the_client_counts(path: str, expected: str) -> None:
    chat = chat_of({"role": "system", "content": "A"}, *[HI] * 12)

    assert client_path(path, chat, inject(chat, "BLOCK", FOUR)) == expected
    assert client_path(path, chat, inject(chat, "BLOCK", JOINED)) == path
    assert client_path(path, chat, chat) == path
