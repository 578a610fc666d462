"""The audit log over a real store."""

import pytest

from gateway.errors import InvalidRequest
from gateway.identity.audit import AuditLog
from gateway.store.client import RedisStore
from tests.identity.scene import ManualClock


async def test_i20_an_entry_says_who_what_whom_when_and_from_where(store: RedisStore) -> None:
    clock = ManualClock()
    log = AuditLog(store, clock)

    await log.record(
        "t_1", "token.mint", "u_1", address="192.0.2.7", detail={"token": "t_2", "days": 3}
    )

    (entry,) = (await log.list_entries()).entries
    assert (entry.actor, entry.action, entry.target) == ("t_1", "token.mint", "u_1")
    assert (entry.at, entry.address) == (int(clock.now()), "192.0.2.7")
    assert entry.detail == {"token": "t_2", "days": 3}


async def test_entries_come_newest_first_page_by_page_each_once(store: RedisStore) -> None:
    log = AuditLog(store, ManualClock())
    for number in range(5):
        await log.record("cli", "user.create", f"u_{number}")

    seen, cursor = [], None
    for _ in range(3):
        page = await log.list_entries(cursor, limit=2)
        seen += [entry.target for entry in page.entries]
        cursor = page.next_cursor

    assert seen == ["u_4", "u_3", "u_2", "u_1", "u_0"]
    assert cursor is None


async def test_what_others_wrote_into_a_name_stays_a_bounded_value(store: RedisStore) -> None:
    log = AuditLog(store, ManualClock())

    await log.record("cli", "user.create", "x\ny\x00" + "z" * 1000, address="\u2028")

    (entry,) = (await log.list_entries()).entries
    assert entry.target == ("x\ny\x00" + "z" * 1000)[:300]
    assert entry.address == "\u2028"
    assert entry.detail == {}


@pytest.mark.parametrize(
    ("cursor", "limit", "param"),
    [("nonsense", 5, "cursor"), ("1-1\n", 5, "cursor"), ("-", 5, "cursor"), (None, 0, "limit"),
     (None, 501, "limit")],
)  # fmt: skip
async def test_other_pages_are_refused(
    store: RedisStore, cursor: str | None, limit: int, param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await AuditLog(store, ManualClock()).list_entries(cursor, limit)

    assert caught.value.param == param
