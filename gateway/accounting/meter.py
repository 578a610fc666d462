"""Watches one reply go by: which model answers, how much it says, when the first token came."""

from gateway.types import events as ev
from gateway.types.usage import Usage, estimate_tokens


class Meter:
    """Counts what a reply used, by the provider's word where it gives one. Pure: `now` is given."""

    def __init__(self) -> None:
        self.model: str | None = None  # the upstream's resolved name
        self.first_token: float | None = None  # when, in the time of `now`
        self.reported: ev.Usage | None = None
        self._text_bytes = 0
        self._deltas = 0

    def add(self, event: ev.Event, now: float) -> None:
        """Take note of one event."""
        match event:
            case ev.Verbatim(deltas=deltas):
                self._deltas += deltas
            case ev.Text(text=text) | ev.Reasoning(text=text) | ev.Refusal(text=text):
                self._text_bytes += len(text.encode())
            case ev.ToolArgs(text=text):
                self._text_bytes += len(text.encode())
            case ev.Start(model=model):
                self.model = model or self.model
            case ev.Usage():
                self.reported = event
            case _:
                pass
        if self.first_token is None and ev.is_meaningful(event):
            self.first_token = now

    def usage(self, request_bytes: int) -> Usage:
        """Return the reported usage, else an estimate from the bytes that went by."""
        if self.reported is not None:
            return self.reported.usage
        output = self._deltas + estimate_tokens(self._text_bytes)
        return Usage(input=estimate_tokens(request_bytes), output=output)
