"""Watches one reply go by: which model answers, how much it says, when the first token came."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from gateway.types import events as ev
from gateway.types.usage import Usage, estimate_tokens

_CONTENT = (ev.Verbatim, ev.Text, ev.Reasoning, ev.Refusal, ev.ToolArgs, ev.Audio)


class Meter:
    """Counts what a reply used, by the provider's word where it gives one. Pure: `now` is given."""

    def __init__(self) -> None:
        self.model: str | None = None  # the upstream's resolved name
        self.first_token: float | None = None  # when, in the time of `now`
        self.reported: ev.Usage | None = None
        self._told_service: str | None = None
        self._text_bytes = 0
        self._deltas = 0
        self._has_ended = False
        self._has_grown = False  # since the usage was reported

    def add(self, event: ev.Event, now: float) -> None:
        """Take note of one event."""
        if isinstance(event, _CONTENT):
            self._has_grown = True
        match event:
            case ev.Verbatim(deltas=deltas):
                self._deltas += deltas
            case ev.Text(text=text) | ev.Reasoning(text=text) | ev.Refusal(text=text):
                self._text_bytes += len(text.encode())
            case ev.ToolArgs(text=text):
                self._text_bytes += len(text.encode())
            case ev.Start(model=model, extra=members):
                self.model = model or self.model
                self._note_service(members)
            case ev.Extra(choice=None, members=members):
                self._note_service(members)
            case ev.Usage():
                self.reported = event
                self._has_grown = False
            case ev.End():
                self._has_ended = True
            case _:
                pass
        if self.first_token is None and ev.is_meaningful(event):
            self.first_token = now

    @property
    def is_measured(self) -> bool:
        """Whether the provider's count covers all that came: some begin with one and end with it."""
        return self.reported is not None and (self._has_ended or not self._has_grown)

    @property
    def service(self) -> str | None:
        """How the reply says it was served, for prices: `priority`, `flex`, …; None: as usual."""
        told = self.reported.service if self.reported else None
        return told or self._told_service

    def _note_service(self, members: Mapping[str, Any]) -> None:
        told = members.get("service_tier")
        if isinstance(told, str) and told:
            self._told_service = told

    def usage(self, request_bytes: int) -> Usage:
        """Return the reported usage, else an estimate from the bytes that went by.

        Of a reply that broke off after a first report, the prompt is known and the rest estimated.
        """
        output = self._deltas + estimate_tokens(self._text_bytes)
        if self.reported is None:
            return Usage(input=estimate_tokens(request_bytes), output=output)
        usage = self.reported.usage
        unseen = 0 if self.is_measured else max(output - usage.completion, 0)
        return replace(usage, output=usage.output + unseen)

    def billable(self, usage: Usage) -> Usage:
        """Return what the provider charges for: mostly `usage`, the counts of this reply."""
        billed = self.reported.billed if self.reported else None
        return billed if billed is not None and self.is_measured else usage
