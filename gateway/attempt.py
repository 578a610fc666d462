"""One attempt: the inner line of the pipeline's picture.

Apply fates, build the native request, authorize, send, and read up to the point where the answer
is certain to have begun.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import orjson
from msgspec import Struct

from gateway.errors import Failure, UpstreamError
from gateway.providers.base import Provider, ReplyParser
from gateway.providers.fates import UnsupportedPolicy, apply_fates
from gateway.providers.registry import PROVIDERS
from gateway.types.chat import ChatRequest
from gateway.types.clock import Clock
from gateway.types.events import Error, Event, is_meaningful
from gateway.types.upstream import Credential, ReplyHead, Target, UpstreamRequest
from gateway.upstream.transport import Reply, Timeouts, Transport, read_all

_MOST_ERROR_BYTES = 256 * 1024
_MOST_WHOLE_BYTES = 64 * 1024 * 1024
_LONG_TEXT = 12  # shorter members of a JSON secret are no secrets
_SECRET_SHOWN = "[secret]"  # noqa: S105  # what a secret is replaced with


class OpenedReply(Struct):
    """A reply whose first meaningful event has been read: from here on there is no fallback."""

    target: Target
    reply: Reply
    parser: ReplyParser
    first: list[Event]
    ended: bool  # the parser has been finished: a reply that came in one piece
    warnings: tuple[str, ...]
    request_bytes: int
    credential: Credential | None  # only to take it out of errors

    async def events(self) -> AsyncIterator[list[Event]]:
        """Yield the events of each read, beginning with those already at hand.

        Raises UpstreamError for an error event, a cut reply and every transport fault.
        """
        yield self.first
        if self.ended:
            return
        try:
            while data := await self.reply.read():
                good, error = _until_error(self.parser.feed(data))
                if good:
                    yield good
                if error is not None:
                    raise error
            yield _checked(self.parser.finish())
        except UpstreamError as error:
            raise scrubbed(error, self.credential) from None


async def open_attempt(  # noqa: PLR0913  # the inputs of one send, all keyword-only
    *,
    transport: Transport,
    clock: Clock,
    chat: ChatRequest,
    target: Target,
    credential: Credential | None,
    policy: UnsupportedPolicy,
    timeouts: Timeouts,
    headers: Sequence[tuple[str, str]],
    before_send: Callable[[int], None] = lambda size: None,  # noqa: ARG005
) -> OpenedReply:
    """Send `chat` to `target` and wait for the first meaningful event.

    `headers` are the gateway's own on every upstream request (ids for tracing). `before_send` is
    told the body's size once nothing but the sending is left to do.

    Raises InvalidRequest for what the provider cannot express, and UpstreamError, whose message
    is free of the credential, for everything that goes wrong upstream.
    """
    provider = PROVIDERS[target.type]
    fitted, warnings = apply_fates(chat, provider.fates, policy, target.info.refuses)
    native = provider.build_chat(fitted, target)
    request = _authorized(provider, native, target, credential, clock, headers)
    before_send(len(request.body))
    try:
        reply = await transport.send(request, trusted=target.trusted, timeouts=timeouts)
        try:
            parser = await _open_parser(provider, fitted, target, reply, clock)
            first, ended = await _read_until_meaningful(reply, parser)
        except BaseException:
            await reply.aclose()
            raise
    except UpstreamError as error:
        raise scrubbed(error, credential) from None
    warnings += request.warnings
    size = len(request.body)
    return OpenedReply(target, reply, parser, first, ended, warnings, size, credential)


async def send_whole(  # noqa: PLR0913  # the inputs of one send, all keyword-only
    *,
    transport: Transport,
    clock: Clock,
    request: UpstreamRequest,
    target: Target,
    credential: Credential | None,
    timeouts: Timeouts,
    headers: Sequence[tuple[str, str]],
    before_send: Callable[[int], None] = lambda size: None,  # noqa: ARG005
    max_bytes: int = _MOST_WHOLE_BYTES,
) -> bytes:
    """Send a native request whose answer comes in one piece, and return its body.

    Raises UpstreamError, whose message is free of the credential.
    """
    provider = PROVIDERS[target.type]
    request = _authorized(provider, request, target, credential, clock, headers)
    before_send(len(request.body))
    try:
        reply = await transport.send(request, trusted=target.trusted, timeouts=timeouts)
        body = await read_all(reply, max_bytes)
        if reply.head.status >= 300:
            raise provider.parse_error(reply.head, body, clock.now())
    except UpstreamError as error:
        raise scrubbed(error, credential) from None
    return body


def scrubbed(error: UpstreamError, credential: Credential | None) -> UpstreamError:
    """Return the error with the credential removed from its message: some providers echo it."""
    for secret in _secret_texts(credential):
        error.message = error.message.replace(secret, _SECRET_SHOWN)
    return error


def _secret_texts(credential: Credential | None) -> Iterator[str]:
    """Yield the texts of a credential: itself, or the long members of a JSON one."""
    if credential is None:
        return
    secret = credential.secret.reveal()
    yield secret
    if secret.startswith("{"):
        members = orjson.loads(secret).values()
        yield from (m for m in members if isinstance(m, str) and len(m) >= _LONG_TEXT)


def _authorized(
    provider: Provider,
    request: UpstreamRequest,
    target: Target,
    credential: Credential | None,
    clock: Clock,
    headers: Sequence[tuple[str, str]],
) -> UpstreamRequest:
    request = request.with_headers(*headers, *target.headers.items())
    return provider.authorize(request, credential, clock.now())


async def _open_parser(
    provider: Provider, chat: ChatRequest, target: Target, reply: Reply, clock: Clock
) -> ReplyParser:
    head: ReplyHead = reply.head
    if head.status < 300:
        return provider.open_reply(chat, target, head)
    body = await read_all(reply, _MOST_ERROR_BYTES)
    raise provider.parse_error(head, body, clock.now())


async def _read_until_meaningful(reply: Reply, parser: ReplyParser) -> tuple[list[Event], bool]:
    """Return the events up to a meaningful one, and whether the reply has ended with them."""
    events: list[Event] = []
    while data := await reply.read():
        events += _checked(parser.feed(data))
        if any(is_meaningful(event) for event in events):
            return events, False
    events += _checked(parser.finish())
    if not any(is_meaningful(event) for event in events):
        raise UpstreamError(Failure.BAD_REPLY, "The provider sent an empty answer.")
    return events, True


def _checked(events: Sequence[Event]) -> list[Event]:
    """Raise the first error event; before anything was sent the events beside it do not matter."""
    good, error = _until_error(events)
    if error is not None:
        raise error
    return good


def _until_error(events: Sequence[Event]) -> tuple[list[Event], UpstreamError | None]:
    """Return the events before the first error event, and that error."""
    for place, event in enumerate(events):
        if isinstance(event, Error):
            return list(events[:place]), event.error
    return list(events), None
