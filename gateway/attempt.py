"""One attempt: the inner line of the pipeline's picture.

Apply fates, build the native request, authorize, send, and read up to the point where the answer
is certain to have begun.
"""

from collections.abc import AsyncIterator, Sequence

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

    async def events(self) -> AsyncIterator[list[Event]]:
        """Yield the events of each read, beginning with those already at hand.

        Raises UpstreamError for an error event, a cut reply and every transport fault.
        """
        yield self.first
        if self.ended:
            return
        while data := await self.reply.read():
            good, error = _until_error(self.parser.feed(data))
            if good:
                yield good
            if error is not None:
                raise error
        yield _checked(self.parser.finish())


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
) -> OpenedReply:
    """Send `chat` to `target` and wait for the first meaningful event.

    `headers` are the gateway's own on every upstream request (ids for tracing).

    Raises InvalidRequest for what the provider cannot express, and UpstreamError, whose message
    is free of the credential, for everything that goes wrong upstream.
    """
    provider = PROVIDERS[target.type]
    fitted, warnings = apply_fates(chat, provider.fates, policy, target.info.refuses)
    request = _native_request(provider, fitted, target, credential, clock, headers)
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
    return OpenedReply(target, reply, parser, first, ended, warnings, len(request.body))


def scrubbed(error: UpstreamError, credential: Credential | None) -> UpstreamError:
    """Return the error with the credential removed from its message: some providers echo it."""
    if credential is not None:
        error.message = error.message.replace(credential.secret.reveal(), _SECRET_SHOWN)
    return error


def _native_request(
    provider: Provider,
    chat: ChatRequest,
    target: Target,
    credential: Credential | None,
    clock: Clock,
    headers: Sequence[tuple[str, str]],
) -> UpstreamRequest:
    request = provider.build_chat(chat, target)
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
