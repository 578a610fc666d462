"""Writes an opened reply to the caller, meters it on the way, and books it before its last byte."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from gateway.accounting.cost import format_usd
from gateway.accounting.meter import Meter
from gateway.accounting.rows import LedgerRow, Status
from gateway.attempt import OpenedReply
from gateway.booking import book_attempt, price_warnings, reached
from gateway.errors import UpstreamError
from gateway.exchange import JSON_HEADERS, STREAM_HEADERS, Attempt, Downstream, Exchange
from gateway.metrics import CHUNK_GAP_SECONDS
from gateway.routing.outcome import to_client_error
from gateway.types import events as ev
from gateway.types.chat import ChatRequest
from gateway.types.usage import Certainty
from gateway.wire.chat_write import CompletionWriter, StreamWriter

MOST_DRAINED_TOKENS: Final = 4_096
"""So much is read on for a client that has hung up, and whose user wants answers finished."""


class Answer:
    """The one reply that is passed on, from its first event to the booking before its last byte."""

    def __init__(
        self, chat: ChatRequest, exchange: Exchange, attempt: Attempt, opened: OpenedReply
    ) -> None:
        self._chat = chat
        self._exchange = exchange
        self._attempt = attempt
        self._opened = opened
        self._meter = Meter()
        self._held_usage: ev.Usage | None = None
        self._written_for_client: int | None = None
        self._asked: float | None = None  # when the next piece was waited for
        self._booked: LedgerRow | None = None
        for event in opened.first:
            if isinstance(event, ev.Start):
                self._meter.add(event, 0.0)  # the model's name is needed for the headers

    async def write(self, downstream: Downstream) -> None:
        """Write the reply as the client asked for it. Exactly one row is booked, whatever happens.

        Raises GatewayError only before anything was sent; later faults become an error event.
        """
        exchange, attempt = self._exchange, self._attempt
        exchange.ledger.watch(
            attempt.opening.number, lambda: reached(exchange, attempt, self._meter)
        )
        try:
            if self._chat.stream:
                await self._write_stream(downstream)
            else:
                await self._write_whole(downstream)
        except asyncio.CancelledError:
            self._book(Status.CANCELLED)
            raise
        finally:
            await self._opened.reply.aclose()

    async def _write_whole(self, downstream: Downstream) -> None:
        exchange = self._exchange
        writer = CompletionWriter(
            self._chat,
            id=exchange.request_id,
            created=int(exchange.received),
            model=self._attempt.target.model,
        )
        try:
            async for events in self._opened.events():
                for event in events:
                    self._meter.add(event, exchange.clock.monotonic())
                    writer.add(event)
        except UpstreamError as error:
            self._book(Status.CUT, error.failure.value)
            raise to_client_error(error, self._attempt.target) from None
        row = self._book(Status.OK)
        headers = self._headers(JSON_HEADERS)
        if row.cost_nano is not None:
            headers["x-gateway-cost-usd"] = format_usd(row.cost_nano)
        body = writer.body()
        headers["content-length"] = str(len(body))
        await downstream.start(200, headers)
        await downstream.write(body, more=False)

    async def _write_stream(self, downstream: Downstream) -> None:
        exchange = self._exchange
        writer = StreamWriter(
            self._chat,
            id=exchange.request_id,
            created=int(exchange.received),
            model=self._attempt.target.model,
            usage_wanted=self._chat.include_usage or exchange.options.usage,
        )
        if not downstream.started:  # a keep-alive may have sent the head before
            await downstream.start(200, self._headers(STREAM_HEADERS))
        try:
            async for events in self._opened.events():
                self._note_gap()
                chunk = b"".join([self._write_event(writer, event) for event in events])
                if chunk:
                    await downstream.write(chunk, more=True)
                if downstream.is_muted and self._has_drained():
                    self._book(Status.CANCELLED)
                    return
                self._asked = exchange.clock.monotonic()
        except UpstreamError as error:
            self._book(Status.CUT, error.failure.value)
            fault = to_client_error(error, self._attempt.target)
            exchange.summary.update(code=fault.code, origin=fault.origin.value)
            await downstream.write(writer.error(fault), more=False)
        else:
            self._book(Status.OK)
            await downstream.write(b"", more=False)

    def _has_drained(self) -> bool:
        """Whether enough was read for a client that has hung up."""
        written = self._meter.usage(0).completion
        if self._written_for_client is None:
            self._written_for_client = written
        return written - self._written_for_client >= MOST_DRAINED_TOKENS

    def _note_gap(self) -> None:
        """Count the provider's silence, but not the time a slow client took to read."""
        if self._asked is not None:
            gap = self._exchange.clock.monotonic() - self._asked
            CHUNK_GAP_SECONDS.labels(self._attempt.target.label).observe(gap)

    def _write_event(self, writer: StreamWriter, event: ev.Event) -> bytes:
        self._meter.add(event, self._exchange.clock.monotonic())
        if isinstance(event, ev.Usage):  # held: cumulative, and the cost is known only at the end
            self._held_usage = event
            return b""
        if not isinstance(event, ev.End):
            return writer.write(event)
        row = self._book(Status.OK)
        usage = b""
        if self._held_usage is not None:
            usage = writer.usage_chunk(self._held_usage, self._late_facts(row))
        return usage + writer.write(event)

    def _book(self, status: Status, failure: str | None = None) -> LedgerRow:
        """Book the attempt; what comes after its end (a client that hangs up) changes nothing."""
        if self._booked is None:
            measured = self._meter.is_measured
            self._booked = book_attempt(
                self._exchange,
                self._attempt,
                status=status,
                usage=self._meter.usage(self._opened.request_bytes),
                certainty=Certainty.MEASURED if measured else Certainty.ESTIMATED,
                meter=self._meter,
                failure=failure,
            )
            row = self._booked
            self._exchange.summary.update(
                model=row.model,
                tokens=row.usage.total,
                cost_nano=row.cost_nano,
                certainty=row.certainty.value,
                first_token_ms=row.first_token_ms,
            )
        return self._booked

    def _late_facts(self, row: LedgerRow) -> dict[str, Any]:
        return {
            "request_id": row.request_id,
            "provider": row.provider,
            "attempts": row.attempt,
            "cost_usd": None if row.cost_nano is None else format_usd(row.cost_nano),
            "price_state": row.price_state.value,
            "context": self._attempt.block.receipt(),
        }

    def _headers(self, base: Mapping[str, str]) -> dict[str, str]:
        attempt, exchange = self._attempt, self._exchange
        warnings = exchange.warnings + attempt.warnings + self._opened.warnings
        warnings += price_warnings(exchange, attempt.target, self._meter.model)
        upstream_ms = (exchange.clock.monotonic() - attempt.started) * 1000
        timing = {**exchange.timing, "upstream": upstream_ms}
        headers = {
            **base,
            **exchange.admission.headers(),
            "x-gateway-provider": attempt.target.provider,
            "x-gateway-model": self._meter.model or attempt.target.model,
            "x-gateway-attempts": str(attempt.number),
            "x-gateway-context": attempt.block.receipt(),
            "server-timing": ", ".join(f"{name};dur={ms:.1f}" for name, ms in timing.items()),
        }
        if warnings:
            headers["x-gateway-warnings"] = "; ".join(warnings)
        return headers
