"""Everything the sandbox remembers while it runs, in one place and bounded."""

from collections import OrderedDict

from gateway.sandbox.accounts import ServiceAccounts
from gateway.sandbox.cache import PromptCache
from gateway.sandbox.journal import Journal
from gateway.sandbox.ledger import Ledger
from gateway.types.clock import Clock

_MAX_SUBJECTS = 4096


class World:
    """The clock, the books, the prompt cache, service accounts, and what was played how often."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.ledger = Ledger()
        self.journal = Journal()
        self.cache = PromptCache()
        self.accounts = ServiceAccounts()
        self._takes: OrderedDict[tuple[str, str], int] = OrderedDict()

    def next_take(self, scene: str, subject: str) -> int:
        """Return how many times this scene was played to this subject before, and count one more."""
        take = self._takes.pop((scene, subject), 0)
        self._takes[scene, subject] = take + 1
        if len(self._takes) > _MAX_SUBJECTS:
            self._takes.popitem(last=False)
        return take

    def clear_takes(self) -> None:
        """Let every scene begin anew."""
        self._takes.clear()
