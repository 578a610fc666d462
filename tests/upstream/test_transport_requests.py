"""The transports' one suite, part three: requests that are refused before anything is sent."""

import pytest

from gateway.errors import Failure, UpstreamError
from tests.fakes.raw_scenes import answering, play, reading, reply, resetting
from tests.fakes.raw_upstream import serve_raw
from tests.upstream.conftest import OpenTransport
from tests.upstream.scenes import facts, post, within

CANARY = "sk-canary-1f0e9d8c7b6a"


@pytest.mark.parametrize(
    "value",
    [
        f"Bearer {CANARY}\n",
        f"Bearer {CANARY}\r\nx-evil: 1",
        f" {CANARY}",
        f"{CANARY}\x00",
        f"{CANARY}\u00e9",
        f"{CANARY}\u2028",
        f"{CANARY}\x7f",
    ],
)
@pytest.mark.parametrize("name", ["authorization", "api-key", "x-goog-api-key"])
async def test_a_header_value_that_cannot_be_sent_is_refused_and_never_repeated(
    open_transport: OpenTransport, name: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Finding 1: h11's own refusal would carry the key into the log."""
    caplog.set_level("DEBUG")
    async with serve_raw(answering(reply())) as upstream, open_transport() as transport:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(
                post(upstream.url, b"{}", (name, value)), trusted=True, timeouts=within()
            )
    assert facts(caught.value) == (Failure.BAD_REQUEST, None, None)
    assert name in caught.value.message
    shown = f"{caught.value!r} {caught.value} {caught.value.message} {caplog.text}"
    assert CANARY not in shown
    assert upstream.opened == 0


@pytest.mark.parametrize("name", ["x-a\r\nx-evil", "x a", "", "x:y", "x\u00e9"])
async def test_a_header_name_that_cannot_be_sent_is_refused(
    open_transport: OpenTransport, name: str
) -> None:
    async with serve_raw(answering(reply())) as upstream, open_transport() as transport:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(
                post(upstream.url, b"{}", (name, "v")), trusted=True, timeouts=within()
            )
    assert facts(caught.value) == (Failure.BAD_REQUEST, None, None)
    assert upstream.opened == 0


@pytest.mark.parametrize(
    "target",
    [
        "/v1/../admin",
        "/v1/%2e%2E/admin",
        "/./v1",
        "/a b",
        "/a\r\nx: y",
        "/a#b",
        "/é",
        "/a\\b",
        "/..",
    ],
)
async def test_c17_a_path_another_server_could_read_differently_is_refused(
    open_transport: OpenTransport, target: str
) -> None:
    async with serve_raw(answering(reply())) as upstream, open_transport() as transport:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(upstream.url + target), trusted=True, timeouts=within())
    assert facts(caught.value) == (Failure.BAD_REQUEST, None, None)
    assert upstream.opened == 0


async def test_no_secret_of_a_request_shows_in_any_failure_or_log(
    open_transport: OpenTransport, caplog: pytest.LogCaptureFixture
) -> None:
    """Headers, query and body stay out of messages, reprs and library logs at every level."""
    caplog.set_level("DEBUG")
    async with serve_raw(play(reading(), resetting())) as upstream, open_transport() as transport:
        request = post(f"{upstream.url}/v1?key={CANARY}", CANARY.encode(), ("api-key", CANARY))
        with pytest.raises(UpstreamError) as caught:
            await transport.send(request, trusted=True, timeouts=within())
    shown = f"{caught.value!r} {caught.value} {caught.value.message} {caplog.text}"
    assert CANARY not in shown


async def test_a_deadline_that_has_passed_opens_nothing(open_transport: OpenTransport) -> None:
    async with serve_raw(answering(reply())) as upstream, open_transport() as transport:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(upstream.url), trusted=True, timeouts=within(-1))
    assert facts(caught.value) == (Failure.TIMEOUT, None, None)
    assert upstream.opened == 0
