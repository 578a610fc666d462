"""Mistral: what holds for every request and every reply, tried with made-up ones."""

from typing import Any

import orjson
from hypothesis import given, settings, strategies as st

from gateway.errors import InvalidRequest, UpstreamError
from gateway.types import events as ev
from gateway.wire.chat_read import read_chat
from tests.providers.mistral_scene import DONE, PROVIDER, ROLE, chunk, events, target, turns
from tests.wire.any_request import JSON, MESSAGES, TOP

ROLES = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls", "prefix"},
    "tool": {"role", "content", "tool_call_id", "name"},
}
MAY_FOLLOW = {
    "": {"system", "user", "assistant"},
    "system": {"system", "user", "assistant"},
    "user": {"system", "user", "assistant"},
    "assistant": {"user", "assistant", "tool"},
    "tool": {"assistant", "tool"},
}
WORDS = st.sampled_from(["", "a", "é b"])
IDS = st.sampled_from(["a", "b", "D681PevKs", "call_1"])
CALLS = st.lists(
    st.builds(
        lambda id_: {"id": id_, "type": "function", "function": {"name": "f", "arguments": "{}"}},
        IDS,
    ),
    max_size=2,
)
HISTORIES = st.lists(
    st.one_of(
        st.builds(lambda t: {"role": "system", "content": t or "s"}, WORDS),
        st.builds(lambda t: {"role": "user", "content": t or "u"}, WORDS),
        st.builds(lambda t, c: {"role": "assistant", "content": t, "tool_calls": c}, WORDS, CALLS),
        st.builds(lambda i, t: {"role": "tool", "tool_call_id": i, "content": t}, IDS, WORDS),
    ),
    min_size=1,
    max_size=8,
)


@given(HISTORIES)
def test_every_history_is_mended_into_one_that_keeps_the_rules_or_is_refused(
    history: list[dict[str, Any]],
) -> None:
    try:
        said = turns(*history)
    except InvalidRequest as refused:
        assert (refused.param or "").startswith("messages")  # noqa: PT017  # most are not refused
        return
    before, open_calls = "", 0
    for message in said:
        assert set(message) <= ROLES[message["role"]]
        assert message["role"] in MAY_FOLLOW[before]
        if message["role"] == "tool":
            open_calls -= 1
        else:
            assert open_calls == 0
        open_calls += len(message.get("tool_calls", ()))
        before = message["role"]
    assert open_calls == 0
    assert before in ("user", "tool") or said[-1]["prefix"] is True
    given_text = "".join(m["content"] for m in history)
    told = "".join(m["content"] for m in said)
    assert all(letter in told for letter in set(given_text))


@given(MESSAGES, TOP)
def test_whatever_a_client_may_say_is_built_or_refused_clearly(messages: Any, top: Any) -> None:
    try:
        chat = read_chat({**top, "messages": messages})
        built = PROVIDER.build_chat(chat, target())
    except InvalidRequest:
        return
    assert isinstance(orjson.loads(built.body), dict)


DELTAS = st.dictionaries(
    st.sampled_from(["content", "tool_calls", "role", "x"]),
    JSON
    | st.lists(
        st.dictionaries(
            st.sampled_from(
                ["type", "text", "thinking", "signature", "reference_ids", "url", "title"]
            ),
            st.sampled_from(["text", "thinking", "reference", "tool_reference"]) | JSON,
        ),
        max_size=3,
    ),
    max_size=3,
)


@settings(max_examples=200)
@given(st.lists(DELTAS, max_size=3), JSON)
def test_no_reply_breaks_the_parser_and_every_split_reads_alike(deltas: Any, usage: Any) -> None:
    body = b"".join([ROLE, *map(chunk, deltas), chunk({}, "stop", usage=usage), DONE])
    assert read(body) == read(*(body[n : n + 1] for n in range(len(body))))


def read(*pieces: bytes) -> Any:
    try:
        found = events(pieces, stream=True)
    except UpstreamError as error:
        return error.failure
    joined = b"".join(event.data for event in found if isinstance(event, ev.Verbatim))
    rest = [event for event in found if not isinstance(event, ev.Verbatim | ev.Error)]
    return joined, repr(rest), [e.error.failure for e in found if isinstance(e, ev.Error)]
