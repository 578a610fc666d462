"""What the privacy tests are played with: one process's parts over a store, and a user who has all."""

from collections.abc import Callable
from datetime import date, timedelta

from msgspec import Struct

from gateway.accounting.rows import LedgerRow, Status
from gateway.config.kinds import compile_kinds
from gateway.config.schema import Config
from gateway.context.source import ContextSource
from gateway.context.writing import Draft
from gateway.identity.audit import AuditLog
from gateway.identity.changes import NewUser
from gateway.identity.minting import TokenRequest
from gateway.identity.provider_keys import KeyChange
from gateway.privacy.desk import Privacy
from gateway.privacy.kinds import KindList
from gateway.store.base import Store
from gateway.types.context import Dating, Record
from gateway.types.secret import Secret
from gateway.types.usage import Certainty, Usage
from tests.identity.scene import OFFER, ManualClock, Scene, make_scene

RECEIPT_KEY = bytes.fromhex("5e0c7b3aa94f126d80e3bb17c8f25d46910e6cd2a73b58f4e1902c8d6b47f3a5")
NAME_KEY = bytes.fromhex("3b92f0c417de8a56" * 4)
KINDS = compile_kinds(Config())
TODAY = date(2026, 9, 21)


class PrivacyScene(Struct, frozen=True):
    """One process."""

    parts: Scene
    audit: AuditLog
    context: ContextSource
    privacy: Privacy

    @property
    def clock(self) -> ManualClock:
        return self.parts.clock


def make_privacy(store: Store, clock: ManualClock | None = None) -> PrivacyScene:
    """Build a process; two of them over one store are two workers."""
    parts = make_scene(store, clock)
    audit = AuditLog(parts.store, parts.clock)
    kinds = KindList(parts.store, lambda: KINDS)
    privacy = Privacy(parts.store, parts.users, audit, parts.clock, kinds, RECEIPT_KEY)
    context = ContextSource(parts.store, parts.vault, NAME_KEY)
    return PrivacyScene(parts, audit, context, privacy)


class Furnished(Struct, frozen=True):
    """A user, and the secrets that must not outlive them."""

    id: str
    token: Secret
    external_id: str
    key_secret: str
    texts: tuple[str, ...]


async def furnish(
    scene: PrivacyScene, name: str, *, days: int = 3, mint: Callable[[str], str] = str
) -> Furnished:
    """Make a user who has something of everything. `mint` makes marked secrets of labels."""
    external_id, key_secret = f"external-{name}", mint(f"sk-{name}-0123456789")
    user = await scene.parts.users.create(
        NewUser(external_id=external_id, name=f"Name of {name}", metadata={"plan": "x"})
    )
    token = (await scene.parts.tokens.mint(user.id, TokenRequest("app"))).token
    await scene.parts.keys.put(user.id, "openai", KeyChange(secret=key_secret), OFFER)
    texts = [mint(f"{name}{kind}{n}") for kind in _FIELD_OF for n in range(days)]
    await write_records(scene, user.id, texts, days)
    return Furnished(user.id, token, external_id, key_secret, tuple(texts))


_FIELD_OF = {"entries": "text", "pillars": "name", "weekly_recaps": "text", "habits": "habit"}


async def write_records(scene: PrivacyScene, user_id: str, texts: list[str], days: int) -> None:
    """Write `days` records of each of four kinds, taking their texts from the list in order."""
    keys = (await scene.parts.accounts.load(user_id)).data_keys
    left = iter(texts)
    for name, field in _FIELD_OF.items():
        kind = KINDS[name]
        drafts = []
        for n in range(days):
            day = None if kind.dating is Dating.NONE else TODAY - timedelta(days=7 * n)
            drafts.append(Draft(Record(f"{name}-{n}", day, {field: next(left)}), 5))
        await scene.context.put(keys, kind, drafts, TODAY)


ROW = LedgerRow(
    request_id="req_1",
    attempt=1,
    user_id="",
    token_id="t_1",
    time=1_789_999_000.0,
    provider="openai",
    model="gpt-4o-mini",
    status=Status.OK,
    certainty=Certainty.MEASURED,
    usage=Usage(input=100, output=20),
    cost_nano=1_500,
    feature="report",
    feature_id="for Ann Example",
    scope="standard",
    kinds={"profile": 12, "entries": 300},
    context_tokens=312,
)
