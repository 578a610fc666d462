"""Fetches what URLs in messages point at, for providers that cannot, if the operator allows it.

A URL in a message is a stranger's: only public addresses are connected to, each hop of a redirect
is judged like the first, nothing of the user's goes along, and an error says neither the URL nor
what lies behind it. A request whose media cannot be had is refused, never sent without.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urljoin

from gateway import __version__
from gateway.config.schema import MediaConfig
from gateway.errors import Failure, InvalidRequest, Overloaded, UpstreamError
from gateway.types.clock import Clock
from gateway.types.upstream import MediaRef, UpstreamRequest
from gateway.upstream.dial import Dialer
from gateway.upstream.intake import Intake, Unfit, label, read_item
from gateway.upstream.origin import MalformedUrl, split_url
from gateway.upstream.transport import Limits, Reply, Timeouts
from gateway.upstream.visits import Redirected, VisitTransport
from gateway.wire.media import data_uri

MOST_REDIRECTS = 3
_MOST_AT_ONCE = 16  # in a worker
_MOST_OF_ONE_REQUEST = 4
_MAX_URL = 8_192
_HEADERS = (
    # Some hosts (Wikimedia among them) answer 403 to a client that does not say what it is.
    (
        "user-agent",
        f"ai-gateway/{__version__} (self-hosted; fetches media named in a chat request)",
    ),
    ("accept", "*/*"),
)
_PICTURE = "image_url.url"  # how the path of a picture ends; that of a file ends otherwise
_KEPT = "".join(map(chr, range(128))).replace(" ", "")  # what `quote` leaves for us to judge
# One text for refused, closed, filtered, silent and unresolved: no port scanner (C-20).
_UNREACHABLE = (
    "could not be fetched: it must lead to a public server that answers in time, with a valid TLS "
    "certificate for its name"
)
_PHRASES: Mapping[Failure, str] = {
    Failure.BAD_REPLY: "is answered with a reply that cannot be used",
    Failure.BAD_REQUEST: "is not a URL that can be fetched",
    Failure.CUT: "is answered with a reply that breaks off",
}


class MediaFetcher:
    """Fetches media for a worker's requests, so many at once.

    Give it a dialer of its own, without exceptions: a private server that the operator opens as a
    user's endpoint is not thereby opened to every URL in a message.
    """

    def __init__(self, dialer: Dialer, clock: Clock, *, most_at_once: int = _MOST_AT_ONCE) -> None:
        self._transport = VisitTransport.dialled(dialer, clock, Limits(most_at_once))
        self._clock = clock
        self._turns = asyncio.Semaphore(most_at_once)

    async def fetch(self, refs: Sequence[MediaRef], limits: MediaConfig) -> Mapping[str, str]:
        """Return the data URI of every URL; one that is named twice is fetched once.

        The type in it is what the bytes show, else what the server calls them. Raises
        InvalidRequest (`invalid_image_url`, param: the path of the part) for the first that cannot
        be had, for what exceeds `limits`, and where they switch fetching off; Overloaded when too
        much is being fetched already.
        """
        if not limits.fetch:
            refuse_media(refs)
        if len(refs) > limits.max_items:
            reason = f"is one too many: at most {limits.max_items} are fetched for one request"
            raise _refused(reason, refs[limits.max_items].param)
        by_url: defaultdict[str, list[str]] = defaultdict(list)
        for ref in refs:
            by_url[ref.url].append(ref.param)
        return await self._fetch_all(by_url, limits)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def _fetch_all(
        self, by_url: Mapping[str, Sequence[str]], limits: MediaConfig
    ) -> Mapping[str, str]:
        deadline = self._clock.monotonic() + limits.timeout_s
        intake = Intake(limits)
        turns = asyncio.Semaphore(_MOST_OF_ONE_REQUEST)
        tasks: dict[str, asyncio.Task[str]] = {}

        async def fetch_one(url: str, params: Sequence[str]) -> str:
            async with turns:
                await self._take_turn(deadline)
                try:
                    return await self._fetch_one(url, params, intake, deadline)
                finally:
                    self._turns.release()

        first: Exception | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for url, params in by_url.items():
                    tasks[url] = group.create_task(fetch_one(url, params))
        except ExceptionGroup as failed:
            first = failed.exceptions[0]
        if first is not None:
            raise first
        return {url: task.result() for url, task in tasks.items()}

    async def _take_turn(self, deadline: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, deadline - self._clock.monotonic())):
                await self._turns.acquire()
                return
        except TimeoutError:
            pass
        raise Overloaded("Too much media is being fetched at this moment.", retry_after_s=1.0)

    async def _fetch_one(
        self, url: str, params: Sequence[str], intake: Intake, deadline: float
    ) -> str:
        unfit: Unfit
        try:
            reply = await self._follow(url, intake.limits, deadline)
            body = await read_item(reply, intake, copies=len(params))
            is_picture = params[0].endswith(_PICTURE)
            return data_uri(label(body, reply.head, is_picture=is_picture), body)
        except UpstreamError as error:
            unfit = Unfit(_PHRASES.get(error.failure, _UNREACHABLE))
        except Unfit as error:
            unfit = error
        raise _refused(unfit.reason, params[0])

    async def _follow(self, url: str, limits: MediaConfig, deadline: float) -> Reply:
        """Return the reply at the end of the redirects. Raises Unfit, UpstreamError."""
        here = sendable_url(url)
        for _ in range(1 + MOST_REDIRECTS):
            _check_scheme(here, limits)
            left = deadline - self._clock.monotonic()
            request = UpstreamRequest("GET", here, _HEADERS, b"")
            timeouts = Timeouts(left, left, left, deadline)
            try:
                return await self._transport.send(request, trusted=False, timeouts=timeouts)
            except Redirected as redirected:
                location = redirected.location
            if location is None:
                raise Unfit("is answered with a redirect that leads nowhere")
            here = _next_url(here, location)
        raise Unfit(f"is redirected more than {MOST_REDIRECTS} times")


def refuse_media(refs: Sequence[MediaRef]) -> None:
    """Refuse a request whose URLs neither the provider nor the gateway will fetch.

    Raises InvalidRequest (`invalid_image_url`) for the first; without any there is nothing to refuse.
    """
    if refs:
        raise InvalidRequest(
            "This provider cannot take URLs, and this gateway does not fetch them for it. Send the "
            "bytes as a data: URI, or ask the operator to switch media.fetch on.",
            param=refs[0].param,
            code="invalid_image_url",
        )


def sendable_url(url: str) -> str:
    """Return a URL as it can be sent: without fragment, blanks and non-ASCII in its path escaped."""
    scheme, mark, rest = url.strip(" ").partition("#")[0].partition("://")
    cut = min(
        (place for place in (rest.find("/"), rest.find("?")) if place >= 0), default=len(rest)
    )
    return f"{scheme}{mark}{rest[:cut]}{quote(rest[cut:], safe=_KEPT, errors='replace')}"


def _next_url(here: str, location: str) -> str:
    try:
        return sendable_url(urljoin(here, location))
    except ValueError:
        reason = "is redirected to what is no URL"
    raise Unfit(reason)


def _check_scheme(url: str, limits: MediaConfig) -> None:
    reason = ""
    try:
        scheme = split_url(url)[0].scheme
    except MalformedUrl as error:
        scheme, reason = "", error.reason
    if len(url) > _MAX_URL:
        reason = f"is longer than {_MAX_URL} characters"
    elif scheme == "http" and not limits.allow_http:
        reason = "is, or is redirected to, http://: only https:// is fetched"
    if reason:
        raise Unfit(reason)


def _refused(reason: str, param: str) -> InvalidRequest:
    message = f"The URL {reason}. Send another, or the bytes as a data: URI."
    return InvalidRequest(message, param=param, code="invalid_image_url")
