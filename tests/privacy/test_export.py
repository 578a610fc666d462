"""The export: everything about a user and nothing about anybody else, in pieces, come what may."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from gateway import metrics
from gateway.context.sealed import field_of
from gateway.context.writing import Draft
from gateway.identity.changes import NewUser
from gateway.privacy.export import Export
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.types.account import UserRecord
from gateway.types.context import Record
from tests.accounting.booking import book
from tests.privacy.scene import (
    KINDS,
    NAME_KEY,
    ROW,
    TODAY,
    PrivacyScene,
    furnish,
    make_privacy,
)

HEAD = {"object": "export", "tokens": []}


def export_of(scene: PrivacyScene, record: UserRecord) -> Export:
    parts = scene.parts
    return Export(
        parts.store,
        scene.context,
        scene.privacy.kinds,
        scene.audit,
        lambda: parts.accounts.load(record.id),
        record,
    )


async def read(pieces: AsyncIterator[bytes]) -> tuple[dict[str, Any], list[int]]:
    """Return the document, and how long its pieces were."""
    received = [piece async for piece in pieces]
    document: dict[str, Any] = json.loads(b"".join(received))
    return document, [len(piece) for piece in received]


async def exported(scene: PrivacyScene, user_id: str) -> dict[str, Any]:
    record = await scene.parts.users.get(user_id)
    return (await read(export_of(scene, record).write(HEAD, {"totals": []})))[0]


async def test_everything_is_there_opened_and_in_order(store: RedisStore) -> None:
    scene = make_privacy(store)
    ann, bea = await furnish(scene, "ann"), await furnish(scene, "bea")
    empty = replace(ROW, user_id=ann.id, request_id="req_0", kinds={}, scope="none")
    await book(store, replace(ROW, user_id=ann.id), empty, replace(ROW, user_id=bea.id))
    for target in (ann.id, f"{ann.id}/t_1", bea.id):
        await scene.audit.record("t_admin", "token.mint", target, address="192.0.2.1")

    document = await exported(scene, ann.id)

    text = json.dumps(document)
    assert all(own in text for own in ann.texts)
    assert not any(foreign in text for foreign in (*bea.texts, bea.id, "192.0.2.1"))
    assert set(document["context"]) == {name for name, kind in KINDS.items() if kind.stored}
    assert document["context"]["entries"] == [
        {"id": f"entries-{n}", "date": f"2026-09-{21 - 7 * n:02}", "text": ann.texts[n]}
        for n in (2, 1, 0)
    ]
    assert {record["id"] for record in document["context"]["pillars"]} == {
        "pillars-0", "pillars-1", "pillars-2"
    }  # fmt: skip
    assert [row["request_id"] for row in document["usage"]["rows"]] == ["req_0", "req_1"]
    assert [d["kinds"] for d in document["disclosures"]] == [{"profile": 12, "entries": 300}]
    assert {line["target"] for line in document["audit"]} == {ann.id, f"{ann.id}/t_1"}
    assert document["unreadable"] == 0


async def test_a_user_who_has_nothing_gets_a_whole_document(store: RedisStore) -> None:
    scene = make_privacy(store)
    user = await scene.parts.users.create(NewUser())

    document = await exported(scene, user.id)

    assert all(records == [] for records in document["context"].values())
    assert document["usage"] == {"totals": [], "rows": []}
    assert (document["disclosures"], document["audit"]) == ([], [])


async def test_a_record_that_does_not_open_is_an_error_in_its_place(store: RedisStore) -> None:
    """It is told and counted; it neither hides nor loses the others."""
    scene = make_privacy(store)
    ann = await furnish(scene, "ann", days=4)
    key = names.context(ann.id, "entries")
    broken = field_of(NAME_KEY, ann.id, "entries", "entries-1")
    short = field_of(NAME_KEY, ann.id, "entries", "entries-2")
    value = await store.run("HGET", key, broken)
    await store.run("HSET", key, broken, value[:-1] + bytes([value[-1] ^ 1]), short, b"\x00")
    failures = metrics.INTEGRITY_FAILURES._value.get()

    document = await exported(scene, ann.id)

    entries = document["context"]["entries"]
    assert [entry.get("id") for entry in entries] == ["entries-3", None, None, "entries-0"]
    assert {entry["error"]["code"] for entry in entries[1:3]} == {"record_integrity"}
    assert document["unreadable"] == 2
    assert metrics.INTEGRITY_FAILURES._value.get() == failures + 2


async def test_records_that_no_index_names_and_kinds_no_config_has_are_exported_too(
    store: RedisStore,
) -> None:
    scene = make_privacy(store)
    ann = await furnish(scene, "ann")
    await store.run("DEL", names.context_days(ann.id, "entries"))
    keys = (await scene.parts.accounts.load(ann.id)).data_keys
    gone = replace(KINDS["entries"], name="orders")
    await scene.context.put(keys, gone, [Draft(Record("o-1", TODAY, {"text": "a shoe"}), 3)], TODAY)
    await store.run("ZADD", names.kinds(), 0, "orders")

    document = await exported(scene, ann.id)

    assert len(document["context"]["entries"]) == 3
    assert document["context"]["orders"] == [
        {"id": "o-1", "date": TODAY.isoformat(), "text": "a shoe"}
    ]


async def test_a_large_export_comes_in_pieces_and_nothing_is_held(store: RedisStore) -> None:
    scene = make_privacy(store)
    user = await scene.parts.users.create(NewUser())
    keys = (await scene.parts.accounts.load(user.id)).data_keys
    drafts = [Draft(Record(f"e{n}", TODAY, {"text": "x" * 5_000}), 3) for n in range(400)]
    await scene.context.put(keys, KINDS["entries"], drafts, TODAY)
    record = await scene.parts.users.get(user.id)
    pieces = export_of(scene, record).write(HEAD, {"totals": []})
    first = await anext(pieces)
    asked = scene.parts.store.asked.count("context_read")

    document, sizes = await read(_prepend(first, pieces))

    assert asked < 4  # the first piece went out when little had been read
    assert len(document["context"]["entries"]) == 400
    assert max(sizes) < 128 * 1024
    assert sum(sizes) > 2_000_000


async def _prepend(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


@pytest.mark.parametrize("what", ["context", "usage", "disclosures", "audit"])
async def test_every_part_is_there_even_where_it_is_empty(store: RedisStore, what: str) -> None:
    scene = make_privacy(store)
    user = await scene.parts.users.create(NewUser())

    assert what in await exported(scene, user.id)
