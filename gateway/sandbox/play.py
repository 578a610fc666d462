"""Plays one chat request: reads it, casts it, sends the scene, and keeps the ledger row true."""

from msgspec import structs

from gateway.sandbox.asgi import Call, Header
from gateway.sandbox.formats.base import Format, Mannered, Refused, Reply, encode_headers
from gateway.sandbox.journal import fingerprint
from gateway.sandbox.ledger import Row
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.scenes import direct
from gateway.sandbox.script import Break, Failure, Fault, Odd, Scene
from gateway.sandbox.tape import record
from gateway.sandbox.wire import Wire
from gateway.sandbox.world import World

_JSON: Header = (b"content-type", b"application/json")
_HTML: Header = (b"content-type", b"text/html; charset=UTF-8")
_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
    b"<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n"
)


class Player:
    """One chat request on its way. The row holds its request id."""

    def __init__(self, world: World, form: Format, wire: Wire, row: Row) -> None:
        self._world = world
        self._form = form
        self._wire = wire
        self._row = row

    async def play(self, call: Call) -> None:
        """Answer the request. Raises Refused before anything was sent."""
        row, world = self._row, self._world
        key = self._form.identify(call)
        row.key = fingerprint(key)[:16]
        prompt = self._form.read(call)
        row.model, row.stream = prompt.model, prompt.stream
        take = world.next_take(prompt.model, call.header("x-client-request-id") or row.key)
        scene = direct(prompt, take)
        if scene.late and not await self._wire.wait(scene.late):
            return
        if scene.odd is not None:
            await self._play_odd(scene.odd, stream=prompt.stream)
            return
        if isinstance(self._form, Mannered) and scene.failure is not None:
            finish = self._form.soften(scene.failure)
            scene = structs.replace(scene, failure=None, finish=finish) if finish else scene
        if scene.failure is not None:
            raise self._form.refuse(scene.failure, prompt, scene.retry_after)
        reply = self._prepare(prompt, scene, key)
        if prompt.stream:
            await self._stream(reply, scene)
        else:
            await self._whole(reply, scene)

    def _prepare(self, prompt: Prompt, scene: Scene, key: str) -> Reply:
        now = self._world.clock.now()
        return Reply(
            prompt=prompt,
            tape=record(scene, prompt),
            counts=self._form.count(prompt, key, self._world.cache, now),
            created=int(now),
            request_id=self._row.request_id,
            usage=scene.usage,
        )

    def _headers(self, reply: Reply) -> list[Header]:
        now = self._world.clock.now()
        return self._form.headers(self._row.request_id, reply.counts, now)

    async def _whole(self, reply: Reply, scene: Scene) -> None:
        body = self._form.render(reply)
        fault = scene.fault.kind if scene.fault else None
        if fault is Break.ERROR:
            raise self._form.refuse(Failure.SERVER, reply.prompt, None)
        self._row.sell_prompt(reply.counts)
        if not await self._generate(reply, scene):
            return
        half = body[: len(body) // 2]
        if fault is Break.MALFORMED:
            body = half
        self._row.status, self._row.chunks = 200, 1
        headers = [_JSON, *self._headers(reply)]
        if fault in (Break.CUT, Break.HANG):
            length = (b"content-length", str(len(body)).encode())
            await self._wire.start(200, [*headers, length])
            await self._wire.body(half, more=True)
            if fault is Break.HANG:
                await self._wire.hang()
            return
        await self._wire.whole(200, headers, body)
        self._row.completed = not self._wire.left

    async def _generate(self, reply: Reply, scene: Scene) -> bool:
        """Take the time the answer takes; return whether the client waited for all of it."""
        times, row = reply.prompt.choices, self._row
        if not scene.quiet and not scene.slow:
            row.output, row.reasoning = reply.tape.output * times, reply.tape.reasoning * times
            return True
        if not await self._wire.wait(scene.quiet):
            return False
        for done, beat in enumerate(reply.tape.beats):
            if not await self._wire.wait(scene.slow):
                return False
            if done + 1 == len(reply.tape.beats):
                row.output, row.reasoning = reply.tape.output * times, reply.tape.reasoning * times
            else:
                row.output += beat.tokens * times
        return True

    async def _stream(self, reply: Reply, scene: Scene) -> None:
        wire, row = self._wire, self._row
        kind = (b"content-type", self._form.stream_type.encode())
        await wire.start(200, [kind, (b"cache-control", b"no-cache"), *self._headers(reply)])
        row.status = 200
        row.sell_prompt(reply.counts)
        if not await wire.wait(scene.quiet):
            return
        fault = scene.fault
        for frame in self._form.stream(reply):
            if fault is not None and row.chunks >= fault.after:
                if await self._interrupt(fault):
                    return
                fault = None
            if not await wire.wait(scene.slow if row.chunks else 0):
                return
            await wire.body(frame.data, more=True)
            row.sell_piece(frame.output, frame.reasoning)
        await wire.body(b"")
        row.completed = not wire.left

    async def _interrupt(self, fault: Fault) -> bool:
        """Let go wrong what should; return whether the reply is over with it."""
        match fault.kind:
            case Break.MALFORMED:
                await self._wire.body(self._form.break_event(), more=True)
                return False
            case Break.ERROR:
                await self._wire.body(self._form.error_event(self._row.request_id), more=True)
                await self._wire.body(b"")
            case Break.HANG:
                await self._wire.hang()
            case Break.CUT:
                pass  # returning without an end makes the server close the connection
        return True

    async def _play_odd(self, odd: Odd, *, stream: bool) -> None:
        wire, row = self._wire, self._row
        match odd:
            case Odd.HANG:
                await wire.hang()
            case Odd.DROP:
                wire.abort()
            case Odd.HTML | Odd.HTML_200:
                row.status = 502 if odd is Odd.HTML else 200
                await wire.whole(row.status, [_HTML], _PAGE)
            case Odd.EMPTY:
                row.status = 200
                kind = self._form.stream_type.encode() if stream else _JSON[1]
                await wire.whole(200, [(b"content-type", kind)], b"")


def error_headers(form: Format, vendor: list[Header], refused: Refused) -> list[Header]:
    """Return the headers of an error reply: the vendor's usual ones, the error's own on top."""
    merged = dict(vendor) | dict(encode_headers(refused.headers))
    kind = (_JSON[0], form.error_type.encode()) if isinstance(form, Mannered) else _JSON
    return [kind, *merged.items()]
