"""How a row enters a day's totals in the store: what the scripts that book have in common.

A day's totals are one hash: a field per place and measure (`measures.py`), and beside them
`feature:<name>` for each undeclared feature that has a name of its own, `features` and `places`
(how many there are), and in the deployment's totals `mark:<spool>`, the last booking added.

Names come from clients and from users' own endpoints, so their number has a bound: of undeclared
features `MOST_FEATURES` a day and user, the next ones are booked as `other`; of places
`MOST_USER_PLACES` and `MOST_PLACES`, beyond which model and feature are `other`.
"""

from collections.abc import Collection
from typing import Final

from msgspec import Struct

from gateway.accounting.measures import FIELD_SEPARATOR, OTHER, amounts_of, place_of
from gateway.accounting.rows import LedgerRow
from gateway.config.schema import Config
from gateway.store.base import Argument

MOST_FEATURES: Final = 50
MOST_USER_PLACES: Final = 1_000
MOST_PLACES: Final = 20_000
BUILT_IN_FEATURES: Final = frozenset({"chat", "embeddings", OTHER})
"""What requests are booked under that name no feature."""

_DAY_S: Final = 86_400

KEEP_REQUEST_S: Final = 35 * _DAY_S
KEEP_ERASED_S: Final = 400 * _DAY_S
"""How long totals and rows of an erased user are kept: as far back as the usage API looks."""


class BookingRules(Struct, frozen=True):
    """What the operator says about booking: how long things are kept, and the declared features."""

    keep_rows_s: int = 35 * _DAY_S
    keep_totals_s: int = 400 * _DAY_S
    features: Collection[str] = frozenset()


DEFAULT_RULES: Final = BookingRules()


def booking_rules(config: Config) -> BookingRules:
    """Return the rules of a config."""
    ledger = config.ledger
    return BookingRules(
        ledger.keep_days * _DAY_S, ledger.keep_totals_days * _DAY_S, config.limits.features
    )


def row_arguments(row: LedgerRow, rules: BookingRules | None) -> list[Argument]:
    """Return the arguments that `ADD_ROW` takes for a row.

    Without `rules` the row's feature holds as it is: it is the one that its user was booked under.
    """
    place = place_of(row)
    tail = FIELD_SEPARATOR.join((place.key_source, place.certainty))
    declared = (
        rules is None or place.feature in BUILT_IN_FEATURES or place.feature in rules.features
    )
    amounts = amounts_of(row)
    head = (place.provider, place.model, place.feature, tail, row.provider_label, int(declared))
    arguments: list[Argument] = [*head, len(amounts)]
    for measure, amount in amounts.items():
        arguments += (measure, amount)
    return arguments


ADD_ROW: Final = """
local function feature_in(day, feature, declared, may_enter)
  if declared == '1' then return feature end
  local mark = 'feature:' .. feature
  if redis.call('HEXISTS', day, mark) == 1 then return feature end
  if not may_enter then return 'other' end
  if tonumber(redis.call('HGET', day, 'features') or '0') >= MOST_FEATURES then return 'other' end
  redis.call('HSET', day, mark, '1')
  redis.call('HINCRBY', day, 'features', 1)
  return feature
end
local function place_in(day, at, feature, most)
  local tail = ARGV[at + 3] .. '\\31'
  local place = ARGV[at] .. '\\31' .. ARGV[at + 1] .. '\\31' .. feature .. '\\31' .. tail
  if redis.call('HEXISTS', day, place .. 'attempts') == 1 then return place end
  if redis.call('HINCRBY', day, 'places', 1) <= most then return place end
  redis.call('HINCRBY', day, 'places', -1)
  return ARGV[at + 4] .. '\\31other\\31other\\31' .. tail
end
local function after_row(at) return at + 7 + 2 * tonumber(ARGV[at + 6]) end
local function add_row(day, at, most)
  local feature = feature_in(day, ARGV[at + 2], ARGV[at + 5], true)
  local place = place_in(day, at, feature, most)
  for i = at + 7, after_row(at) - 1, 2 do
    redis.call('HINCRBY', day, place .. ARGV[i], ARGV[i + 1])
  end
  return feature
end
local function was_renamed(day, at)
  return feature_in(day, ARGV[at + 2], ARGV[at + 5], false) ~= ARGV[at + 2]
end
""".replace("MOST_FEATURES", str(MOST_FEATURES))
"""Defines `add_row(day key, first argument of the row, most places)`, which adds a row to a day and
returns the feature it was booked under; `was_renamed(day key, first argument)`, whether a row that
was added before was booked as `other`; and `after_row(first argument)`. A row's arguments: provider,
model, feature, key source and certainty, the provider's label, 1 if the feature is declared, how
many (measure, amount), and these."""
