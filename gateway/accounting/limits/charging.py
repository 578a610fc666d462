"""How charges enter the scripts that book rows: a piece of Lua, and the arguments it takes."""

from collections.abc import Iterable
from typing import Final

from gateway.accounting.limits.tally import Charge
from gateway.store.base import Argument

CHARGE: Final = """
local function after_charges(at) return at + 1 + 3 * tonumber(ARGV[at]) end
local function charge(at)
  for i = at + 1, after_charges(at) - 1, 3 do
    local key = KEYS[tonumber(ARGV[i])]
    redis.call('INCRBY', key, ARGV[i + 1])
    redis.call('EXPIREAT', key, ARGV[i + 2])
  end
end
"""
"""Defines `charge(first argument of the charges)` and `after_charges(first argument)`. Arguments: how
many, then per charge the place of its key in KEYS, the amount, and until when the key is kept. One
that is booked after that time is forgotten at once: nobody asks for its window any more."""


class ChargeArguments:
    """Gathers the charges of one script call: their keys, to stand behind its other keys."""

    def __init__(self, keys_before: int) -> None:
        self.keys: list[str] = []
        self._before = keys_before
        self._places: dict[str, int] = {}

    def of(self, charges: Iterable[Charge]) -> list[Argument]:
        """Return the arguments of one row's charges."""
        args: list[Argument] = [0]
        for charge in charges:
            args[0] = int(args[0]) + 1
            args += (self._place(charge.key), charge.amount, charge.until)
        return args

    def _place(self, key: str) -> int:
        if key not in self._places:
            self.keys.append(key)
            self._places[key] = self._before + len(self.keys)
        return self._places[key]
