"""Counts what records will cost in a block, when they are written."""

from collections.abc import Sequence
from typing import Protocol

from gateway.context.lines import line_of, profile_lines
from gateway.context.profile import profile_of
from gateway.context.writing import Draft
from gateway.types.context import Dating, Kind, Record


class TokenCounter(Protocol):
    """Counts tokens of texts with the yardstick tokenizer."""

    async def count(self, texts: Sequence[str]) -> Sequence[int]:
        """Return the tokens of each text, in order."""
        ...


async def draft_records(
    counter: TokenCounter, kind: Kind, records: Sequence[Record]
) -> list[Draft]:
    """Return records with the tokens of their lines, ready to be written."""
    if kind.dating is Dating.SINGLE:
        texts = [profile_lines(profile_of(record)) for record in records]
    else:
        texts = [line_of(kind, record) for record in records]
    counted = await counter.count(texts)
    return [Draft(record, tokens) for record, tokens in zip(records, counted, strict=True)]
