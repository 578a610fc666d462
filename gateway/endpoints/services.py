"""What endpoints work with; built once per worker, by `app.py`."""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from gateway.config.snapshot import Snapshots
from gateway.context.counting import TokenCounter
from gateway.context.source import ContextSource
from gateway.endpoints.drains import Drains
from gateway.identity.accounts import Accounts
from gateway.identity.admin_tokens import AdminTokens
from gateway.identity.audit import AuditLog
from gateway.identity.key_settings import EndpointRules
from gateway.identity.open_calls import OpenCalls
from gateway.identity.provider_keys import ProviderKeys
from gateway.identity.user_tokens import UserTokens
from gateway.identity.users import Users
from gateway.offers.asking import Asker
from gateway.offers.lists import ModelLists
from gateway.offers.probe_limit import ProbeLimit
from gateway.privacy.desk import Privacy
from gateway.pursuit import Services as ChatServices
from gateway.rotation.dek import DekRotation
from gateway.rotation.wear import WearWatch
from gateway.store.base import Store
from gateway.types.clock import Clock


class Services(Struct, frozen=True):
    """The collaborators of the endpoints. `draining` and `store_healthy` are asked at each call."""

    chat: ChatServices
    store: Store
    snapshots: Snapshots
    accounts: Accounts
    admins: AdminTokens
    users: Users
    tokens: UserTokens
    provider_keys: ProviderKeys
    context: ContextSource
    token_counter: TokenCounter
    audit: AuditLog
    privacy: Privacy
    open_calls: OpenCalls
    drains: Drains
    asker: Asker
    model_lists: ModelLists
    probe_limit: ProbeLimit
    deks: DekRotation
    wear: WearWatch
    metrics_dir: Path
    clock: Clock
    endpoint_rules: Callable[[], EndpointRules]
    new_request_id: Callable[[], str]
    draining: Callable[[], bool]
    store_healthy: Callable[[], bool]
