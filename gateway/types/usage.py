"""Token counts in disjoint buckets, and what they cost."""

from enum import StrEnum

from msgspec import Struct


class Usage(Struct, frozen=True):
    """Tokens of one reply. The buckets are disjoint: a token is in exactly one of them.

    `input` excludes cached, written and audio tokens; `output` excludes reasoning and audio;
    `cache_read` excludes cached audio, which has a price of its own.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0  # kept for minutes (Anthropic: 5m; also providers with one kind only)
    cache_write_1h: int = 0  # kept for an hour, at its own price
    audio_input: int = 0
    output: int = 0
    reasoning: int = 0
    audio_output: int = 0
    audio_cache_read: int = 0

    @property
    def prompt(self) -> int:
        """Everything the model read."""
        cached = self.cache_read + self.audio_cache_read + self.cache_write + self.cache_write_1h
        return self.input + cached + self.audio_input

    @property
    def completion(self) -> int:
        """Everything the model wrote."""
        return self.output + self.reasoning + self.audio_output

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.prompt + self.completion


class Certainty(StrEnum):
    """How a ledger row came by its numbers."""

    MEASURED = "measured"  # the provider reported usage
    ESTIMATED = "estimated"  # the reply ended without usage
    ABORTED = "aborted"  # the attempt failed or was cancelled before an end


def estimate_tokens(byte_count: int) -> int:
    """Return a rough token count of text that nobody has counted: 3.5 bytes a token, rounded up."""
    return -(-byte_count * 2 // 7)
