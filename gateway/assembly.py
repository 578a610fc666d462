"""Builds what a worker's endpoints work with, out of its store, its keys and its ways out."""

import os
import random
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from gateway.accounting.ledger import Ledger
from gateway.accounting.limits.gate import Gate
from gateway.admission import Entrance
from gateway.config.snapshot import Snapshots
from gateway.context.counting import TokenCounter
from gateway.context.source import ContextSource
from gateway.endpoints.drains import Drains
from gateway.endpoints.services import Services
from gateway.identity.accounts import Accounts
from gateway.identity.admin_tokens import AdminTokens
from gateway.identity.audit import AuditLog
from gateway.identity.ids import request_ids
from gateway.identity.key_settings import endpoint_rules
from gateway.identity.open_calls import OpenCalls
from gateway.identity.provider_keys import ProviderKeys
from gateway.identity.user_tokens import UserTokens
from gateway.identity.users import Users
from gateway.offers.asking import Asker
from gateway.offers.lists import ModelLists
from gateway.offers.probe_limit import ProbeLimit
from gateway.privacy.desk import Privacy
from gateway.privacy.kinds import KindList
from gateway.pursuit import Services as ChatServices
from gateway.rotation.dek import DekRotation
from gateway.rotation.wear import WearWatch
from gateway.store.client import RedisStore
from gateway.types.clock import Clock
from gateway.upstream.connections import Connections
from gateway.vault.derive import CONTEXT_NAMES, derive
from gateway.vault.keeper import RingKeeper
from gateway.vault.unlock import DeploymentKeys
from gateway.vault.vault import Vault


class Parts(Struct, frozen=True):
    """What the worker owns and ends; `draining` is asked at each call."""

    snapshots: Snapshots
    clock: Clock
    store: RedisStore
    keys: DeploymentKeys
    keeper: RingKeeper
    connections: Connections
    ledger: Ledger
    token_counter: TokenCounter
    metrics_dir: Path
    draining: Callable[[], bool]


def assemble(parts: Parts) -> Services:
    """Return the collaborators of the endpoints."""
    store, clock, snapshots, keys = parts.store, parts.clock, parts.snapshots, parts.keys
    catch_up = parts.keeper.catch_up
    vault = Vault(parts.keeper.rings)
    users, audit = Users(store, vault, clock), AuditLog(store, clock)
    kinds = KindList(store, lambda: snapshots.current.kinds)
    provider_keys = ProviderKeys(store, vault, keys.fingerprint_key, clock)
    name_key = derive(keys.pepper, CONTEXT_NAMES)
    context = ContextSource(store, vault, name_key, on_read=catch_up)
    asker = Asker(provider_keys, parts.connections.transport, parts.connections.tokens, clock)
    deks = DekRotation(store, vault)
    trust_s = snapshots.current.config.store.trust_cached_s
    accounts = Accounts(store, keys.pepper, clock, trust_cached_s=trust_s, on_read=catch_up)
    entrance = Entrance(accounts, Gate(store, clock))
    return Services(
        chat=_chat_services(parts, provider_keys, context, entrance),
        store=store,
        snapshots=snapshots,
        accounts=accounts,
        admins=AdminTokens(store, keys.pepper, clock),
        users=users,
        tokens=UserTokens(store, keys.pepper, clock),
        provider_keys=provider_keys,
        context=context,
        token_counter=parts.token_counter,
        audit=audit,
        privacy=Privacy(store, users, audit, clock, kinds, keys.receipt_key),
        open_calls=OpenCalls(),
        drains=Drains(),
        asker=asker,
        model_lists=ModelLists(asker, clock),
        probe_limit=ProbeLimit(store, clock),
        deks=deks,
        wear=WearWatch(deks),
        metrics_dir=parts.metrics_dir,
        clock=clock,
        endpoint_rules=lambda: endpoint_rules(snapshots.current),
        new_request_id=request_ids(clock, os.urandom),
        draining=parts.draining,
        store_healthy=lambda: store.serves,
    )


def _chat_services(
    parts: Parts, provider_keys: ProviderKeys, context: ContextSource, entrance: Entrance
) -> ChatServices:
    return ChatServices(
        snapshots=parts.snapshots,
        provider_keys=provider_keys,
        context=context,
        transport=parts.connections.transport,
        tokens=parts.connections.tokens,
        media=parts.connections.media,
        ledger=parts.ledger,
        entrance=entrance,
        clock=parts.clock,
        random=random.random,
    )
