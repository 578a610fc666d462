"""Renders the context block. Pure and byte-stable.

The block stays the same, byte for byte, until a record changes or the date turns, so that a
provider's prompt cache keeps its worth: records are put in order here, whatever order they come in.
Its marker is an HMAC over its body under the user's own key: stable while the body is, and text
stored by anybody cannot forge it. How it looks is in `layout.py` and `lines.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from gateway.context import layout
from gateway.context.budget import Fit, Line
from gateway.context.lines import (
    DATE,
    PROFILE,
    inline,
    is_inline,
    line_of,
    profile_lines,
    text_line,
    time_field,
)
from gateway.context.profile import profile_of
from gateway.context.select import Selection, Shown
from gateway.types.account import Scope
from gateway.types.context import Kind, Record

_NONE: Final[Mapping[str, int]] = MappingProxyType({})
_FIRST: Final = itemgetter(0)


class Block(Struct, frozen=True):
    """A rendered block, and the receipt of what it holds.

    `kinds` are the tokens of each kind that is in it, `tokens` those of the whole with its frame;
    `dropped` counts the records of each kind that were left out for the budget.
    """

    text: str
    scope: Scope
    kinds: Mapping[str, int] = _NONE
    tokens: int = 0
    dropped: Mapping[str, int] = _NONE

    def __repr__(self) -> str:
        return f"Block({self.receipt()})"

    def receipt(self) -> str:
        """Return the value of the `x-gateway-context` header."""
        parts = [self.scope.value, f"tokens={self.tokens}"]
        if self.kinds:
            parts.append(f"kinds={','.join(self.kinds)}")
        if self.dropped:
            left_out = (f"{kind}:{count}" for kind, count in self.dropped.items())
            parts.append(f"dropped={','.join(left_out)}")
        return "; ".join(parts)


NO_CONTEXT: Final = Block("", Scope.NONE)


class Opened(Struct, frozen=True):
    """What a block is made of: the opened records of each kind, and what day it is where.

    `today` is the user's, in `timezone`.
    """

    records: Mapping[str, Sequence[Record]]
    today: date
    timezone: str

    def __repr__(self) -> str:
        return f"Opened({ {kind: len(found) for kind, found in self.records.items()} })"


def render(
    selection: Selection, fit: Fit[Any], opened: Opened, mark: Callable[[bytes], str]
) -> Block:
    """Render what there was room for: `opened` holds the records of `fit`, and may hold more kinds.

    `mark` returns the 16 hex digits of the marker for a body.
    """
    sections = {
        name: "\n".join(lines)
        for name, shown in selection.shown.items()
        if name in fit.tokens and (lines := list(_section(shown, fit.lines.get(name, ()), opened)))
    }
    if not sections:
        return Block("", selection.scope, dropped=fit.dropped)
    introduction = [layout.INTRODUCTION, *([layout.LEFT_OUT] if fit.dropped else ())]
    body = "\n".join((*introduction, *sections.values()))
    marker = mark(body.encode())
    kinds = {name: fit.tokens[name] for name in sections}
    tokens = layout.frame_tokens(marker) + sum(kinds.values())
    if fit.dropped:
        tokens += layout.LEFT_OUT_TOKENS
    return Block(layout.frame(marker, body), selection.scope, kinds, tokens, fit.dropped)


def _section(shown: Shown, lines: Sequence[Line], opened: Opened) -> Iterator[str]:
    """Return a kind's heading and what stands under it; nothing where there is nothing."""
    kind = shown.kind
    if kind.name == DATE:
        yield layout.date_line(opened.today, opened.timezone)
        return
    records = opened.records.get(kind.name, ())
    below: Iterator[str]
    if kind.name == PROFILE:
        below = filter(None, (profile_lines(profile_of(record)) for record in records))
    elif kind.dated:
        below = _days(kind, records, lines)
    else:
        written = sorted(line_of(kind, record) for record in records)
        below = iter((*written, *(text_line(line.text) for line in lines)))
    first = next(below, None)
    if first is not None:
        yield layout.heading(kind, shown.window)
        yield first
        yield from below


def _days(kind: Kind, records: Iterable[Record], lines: Iterable[Line]) -> Iterator[str]:
    """Write the records under their days, the earliest first: by their time, then by their text."""
    time = time_field(kind)
    told = [
        (record.day, record.fields.get(time, "") if time else "", line_of(kind, record))
        for record in records
        if record.day is not None
    ]
    told += [(date.fromordinal(line.day), "", text_line(line.text)) for line in lines]
    told.sort()
    for day, of_day in groupby(told, _FIRST):
        header = layout.day_header(kind, day)
        texts = [text for _, _, text in of_day]
        if is_inline(kind):
            yield inline(header, texts)
        else:
            yield header
            yield from texts
