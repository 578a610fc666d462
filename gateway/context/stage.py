"""The context stage of a request: resolve the scope once, then give each target what it may see."""

from collections.abc import Mapping

from msgspec import Struct

from gateway.context.render import NO_CONTEXT, Block, Records
from gateway.context.scopes import resolve_scope
from gateway.context.source import ContextSource
from gateway.types.account import Preferences, Scope, lower_scope
from gateway.vault.vault import DataKeys


class ScopeRules(Struct, frozen=True):
    """Everybody's say in how deep a request may look."""

    requested: Scope | None
    preferences: Preferences
    default: Scope
    ceilings: Mapping[str, Scope | None]
    provider_ceilings: Mapping[str, Scope | None]


class RequestContext:
    """A request's opened records, rendered at most once per scope."""

    def __init__(
        self,
        source: ContextSource,
        keys: DataKeys,
        records: Records | None,
        scope: Scope,
        rules: ScopeRules,
        include: Mapping[str, bool],
    ) -> None:
        self._source = source
        self._keys = keys
        self._records = records
        self._scope = scope
        self._rules = rules
        self._include = include
        self._rendered: dict[Scope, Block] = {}

    def block_for(self, provider: str) -> Block:
        """Return the block this provider may see: a fallback may be allowed less."""
        if self._records is None:
            return NO_CONTEXT
        policy = self._rules.preferences.context_policy.get(provider)
        operator = self._rules.provider_ceilings.get(provider)
        scope = lower_scope(self._scope, policy, operator) or self._scope
        if scope not in self._rendered:
            self._rendered[scope] = self._source.render(
                self._keys, self._records, scope, self._include
            )
        return self._rendered[scope]


async def load_context(
    source: ContextSource,
    keys: DataKeys,
    rules: ScopeRules,
    include: Mapping[str, bool],
    now: float,
) -> RequestContext:
    """Resolve the scope and open the records it needs; nothing is read for scope none.

    Raises ContextNotAllowed, StoreAway, RecordIntegrity.
    """
    preferences = rules.preferences
    scope = resolve_scope(
        requested=rules.requested,
        preferred=preferences.context.scope,
        default=rules.default,
        ceilings=rules.ceilings,
    )
    switches = {**dict.fromkeys(preferences.context.off, False), **include}
    records = None
    if scope is not Scope.NONE:
        records = await source.load(keys, now=now, timezone=preferences.timezone)
    return RequestContext(source, keys, records, scope, rules, switches)
