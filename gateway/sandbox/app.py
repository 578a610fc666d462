"""The sandbox as an ASGI application: raw, because it should start fast and stay small."""

from msgspec import structs

from gateway.sandbox.asgi import (
    ASGIApp,
    BodyTooLarge,
    Call,
    ClientLeft,
    Receive,
    Scope,
    Send,
    read_body,
)
from gateway.sandbox.cache import PromptCounts
from gateway.sandbox.clock import WallClock
from gateway.sandbox.control import control
from gateway.sandbox.formats.base import CHAT, Faced, Format, Refused, encode_headers
from gateway.sandbox.formats.registry import FORMATS
from gateway.sandbox.journal import fingerprint
from gateway.sandbox.ledger import Row
from gateway.sandbox.play import Player, error_headers
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.script import Failure
from gateway.sandbox.wire import Wire
from gateway.sandbox.world import World
from gateway.types.clock import Clock

MAX_BODY_BYTES = 32 * 1024 * 1024
_JSON = (b"content-type", b"application/json")
_NO_PROMPT = Prompt(model="", turns=(), units=())
_BOOKED = (CHAT, "embeddings")
"""Operations that get a ledger row; lists and counts sell nothing."""


class Sandbox:
    """The application, and what it remembers in `world`."""

    def __init__(self, clock: Clock) -> None:
        self.world = World(clock)
        self._wires: set[Wire] = set()

    def release(self) -> None:
        """End every wait of the requests in progress: the server is closing."""
        for wire in self._wires:
            wire.release()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, or the server's lifespan."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            wire = Wire(receive, send)
            self._wires.add(wire)
            try:
                await self._answer(scope, receive, wire)
            except ClientLeft:
                pass  # nobody is left to answer
            finally:
                self._wires.discard(wire)
                await wire.close()

    async def _answer(self, scope: Scope, receive: Receive, wire: Wire) -> None:
        prefix, _, rest = scope["path"].lstrip("/").partition("/")
        call = Call(
            method=scope["method"],
            path=f"/{rest}",
            query=scope["query_string"].decode("latin-1"),
            headers=_headers(scope),
            body=b"",
            raw_path=scope.get("raw_path", b"").decode("latin-1"),
            received=self.world.clock.now(),
        )
        if prefix == "sandbox":
            call = structs.replace(call, body=await _drain(receive))
            status, body = control(self.world, call)
            await wire.whole(status, [_JSON], body)
            return
        form = FORMATS.get(prefix)
        if form is None:
            await _drain(receive)
            await wire.whole(404, [_JSON], b'{"error":"no format here; see GET /sandbox"}')
            return
        if isinstance(form, Faced):
            form = form.face(call, self.world)
        await self._serve(form, call, receive, wire)

    async def _serve(self, form: Format, call: Call, receive: Receive, wire: Wire) -> None:
        now = call.received
        request_id = form.make_request_id()
        client_id = call.header("x-client-request-id") or request_id
        row = Row(client_id, request_id, form.name, "", now)
        try:
            body = await read_body(receive, MAX_BODY_BYTES)
            call = structs.replace(call, body=body)
            self.world.journal.add(call, f"/{form.name}{call.path}", request_id, now)
            row.operation = form.route(call)
            if row.operation in _BOOKED:
                self.world.ledger.open(row)
            if row.operation == CHAT:
                await Player(self.world, form, wire, row).play(call)
            else:
                await self._answer_other(form, call, wire, row)
        except BodyTooLarge:
            await self._refuse(form, form.refuse(Failure.TOO_LARGE, _NO_PROMPT, None), wire, row)
        except Refused as refused:
            await self._refuse(form, refused, wire, row)
        finally:
            row.ended = self.world.clock.now()

    async def _answer_other(self, form: Format, call: Call, wire: Wire, row: Row) -> None:
        row.key = fingerprint(form.identify(call))[:16]
        answer = form.answer(row.operation, call)
        counts = PromptCounts(answer.input)
        row.model, row.input, row.status, row.chunks = answer.model, answer.input, 200, 1
        headers = form.headers(row.request_id, counts, self.world.clock.now())
        headers += encode_headers(answer.headers)
        await wire.whole(200, [_JSON, *headers], answer.body)
        row.completed = True

    async def _refuse(self, form: Format, refused: Refused, wire: Wire, row: Row) -> None:
        row.status = refused.status
        usual = form.headers(row.request_id, PromptCounts(0), self.world.clock.now())
        body = form.render_error(refused, row.request_id)
        await wire.whole(refused.status, error_headers(form, usual, refused), body)


def create_app(clock: Clock | None = None) -> ASGIApp:
    """Return the sandbox; it keeps real time unless a clock is given."""
    return Sandbox(clock or WallClock())


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _drain(receive: Receive) -> bytes:
    """Return the body, "" for one that is longer than any we take."""
    try:
        return await read_body(receive, MAX_BODY_BYTES)
    except BodyTooLarge:
        return b""


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
