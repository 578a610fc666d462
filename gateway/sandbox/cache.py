"""The vendors' prompt caches, so that what a changed prompt costs can be measured.

Two ways, both by prefix and kept per account and model. Marked (Anthropic): the prompt is stored
at its breakpoints for 5 minutes or an hour, and found again up to 20 parts before a breakpoint
(platform.claude.com, "Prompt caching", 2026). Automatic (OpenAI): prefixes of 1,024 tokens and
more are found again in steps of 128 (developers.openai.com, "Prompt caching", 2026).
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

from msgspec import Struct

from gateway.sandbox.prompt import Unit
from gateway.sandbox.tokens import count_tokens

LOOKBACK = 20
LIFETIMES = {"5m": 300.0, "1h": 3600.0}
AUTOMATIC_FLOOR = 1024
AUTOMATIC_STEP = 128
AUTOMATIC_LIFETIME = 600.0

_BYTES_PER_TOKEN = 4
_MAX_ENTRIES = 8192


class PromptCounts(Struct, frozen=True):
    """A prompt's tokens in disjoint buckets: fresh, read from the cache, written to it."""

    input: int
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0

    @property
    def total(self) -> int:
        """Everything the model read."""
        return self.input + self.cache_read + self.cache_write + self.cache_write_1h


class _Entry(Struct):
    expires: float
    lifetime: float


class PromptCache:
    """Digests of prefixes, never the prompts. The least recently used go first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def settle_marked(
        self, account: str, units: Sequence[Unit], floor: int, now: float
    ) -> PromptCounts:
        """Count a prompt with breakpoints, and store what they ask for.

        `account` names key and model. Below `floor` tokens a breakpoint does nothing.
        """
        digests, ends = _prefixes(account, units)
        marks = [at for at, unit in enumerate(units) if unit.mark is not None]
        hit = max((self._look_back(digests, mark, now) for mark in marks), default=-1)
        done = read = ends[hit] if hit >= 0 else 0
        written = {"5m": 0, "1h": 0}
        for at in marks:
            kind = units[at].mark or "5m"
            if ends[at] < floor:
                continue
            if at > hit:
                written[kind] += ends[at] - done
                done = ends[at]
            self._store(digests[at], LIFETIMES[kind], now)
        total = ends[-1] if ends else 0
        return PromptCounts(total - done, read, written["5m"], written["1h"])

    def settle_automatic(
        self,
        account: str,
        units: Sequence[Unit],
        now: float,
        floor: int = AUTOMATIC_FLOOR,
        step: int = AUTOMATIC_STEP,
    ) -> PromptCounts:
        """Count a prompt whose prefixes are cached unasked, and store them.

        Prefixes of `floor` tokens and more, in steps of `step`.
        """
        data = b"".join(unit.data for unit in units)
        total = sum(unit.tokens for unit in units)
        size = step * _BYTES_PER_TOKEN
        digest = hashlib.blake2b(account.encode() + b"\0", digest_size=16)
        read = 0
        for end in range(size, len(data) + 1, size):
            digest.update(data[end - size : end])
            tokens = end // _BYTES_PER_TOKEN
            if tokens < floor:
                continue
            name = digest.copy().digest()
            if self._find(name, now):
                read = tokens
            self._store(name, AUTOMATIC_LIFETIME, now)
        return PromptCounts(total - read, read)

    def _look_back(self, digests: Sequence[bytes], mark: int, now: float) -> int:
        for at in range(mark, max(-1, mark - LOOKBACK - 1), -1):
            if self._find(digests[at], now):
                return at
        return -1

    def _find(self, name: bytes, now: float) -> bool:
        entry = self._entries.get(name)
        if entry is None or entry.expires <= now:
            return False
        entry.expires = now + entry.lifetime  # every use renews it, at no charge
        self._entries.move_to_end(name)
        return True

    def _store(self, name: bytes, lifetime: float, now: float) -> None:
        known = self._entries.get(name)
        if known is not None and known.expires > now:
            lifetime = max(lifetime, known.lifetime)
        self._entries[name] = _Entry(now + lifetime, lifetime)
        self._entries.move_to_end(name)
        if len(self._entries) > _MAX_ENTRIES:
            self._entries.popitem(last=False)


def _prefixes(account: str, units: Sequence[Unit]) -> tuple[list[bytes], list[int]]:
    """Return the digest of, and the tokens in, every prefix that ends behind a unit."""
    digests: list[bytes] = []
    ends: list[int] = []
    chain, end = account.encode(), 0
    for unit in units:
        chain = hashlib.blake2b(chain + b"\0" + unit.data, digest_size=16).digest()
        end += unit.tokens
        digests.append(chain)
        ends.append(end)
    return digests, ends


def make_unit(role: str, text: str, mark: str | None = None) -> Unit:
    """Return the unit of a piece of text: what is counted is "role: text"."""
    data = f"{role}: {text}".encode()
    return Unit(data, count_tokens(data), mark)
