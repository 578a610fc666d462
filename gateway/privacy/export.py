"""Everything about a user, opened, as one JSON document, in pieces.

    {"object": "export", …, "account": {…}, "tokens": […], "provider_keys": […],
     "context": {"profile": […], "entries": […], …}, "usage": {…}, "disclosures": […],
     "audit": […], "unreadable": 0}

It is made while it is sent: records are opened a few at a time and dropped again. What cannot be
opened stands as an error in its place and is counted; it does not hide the rest.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import orjson

from gateway import metrics
from gateway.accounting.cost import format_usd
from gateway.accounting.disclosures import Wanted, public_disclosure, rows_of
from gateway.accounting.rows import public_row
from gateway.context.record import exported_record
from gateway.context.scripts import READ_RECORDS
from gateway.context.sealed import read_sealed
from gateway.context.source import ContextSource
from gateway.errors import NotFound, RecordIntegrity
from gateway.identity.account import read_fields
from gateway.identity.audit import AuditLog
from gateway.privacy.kinds import KindList
from gateway.store import names
from gateway.store.base import Store
from gateway.types.account import UserRecord
from gateway.types.context import Kind
from gateway.types.json import JsonObject
from gateway.vault.vault import DataKeys, read_data_keys

_CHUNK: Final = 50
_PIECE_BYTES: Final = 64 * 1024
_Pairs = Sequence[tuple[bytes, bytes]]
_AUDITED: Final = ("at", "actor", "action", "target", "detail")


class Export:
    """One export of one user. Make it, then send the pieces that `write` yields."""

    def __init__(
        self,
        store: Store,
        context: ContextSource,
        kinds: KindList,
        audit: AuditLog,
        reread: Callable[[], Awaitable[object]],
        record: UserRecord,
    ) -> None:
        """`reread` reads the user's account anew, and with it keys that this worker lacks."""
        self._store = store
        self._context = context
        self._kinds = kinds
        self._audit = audit
        self._reread = reread
        self._user_id = record.id
        self._created = record.created  # no older audit line is about this user
        self._unreadable = 0

    async def write(self, head: JsonObject, totals: JsonObject) -> AsyncIterator[bytes]:
        """Yield the document. `head` are its first members, `totals` those of `usage`.

        Raises StoreAway, after which the document has no end.
        """
        held: list[bytes] = []
        size = 0
        async for part in self._parts(head, totals):
            held.append(part)
            size += len(part)
            if size >= _PIECE_BYTES:
                yield b"".join(held)
                held, size = [], 0
        yield b"".join(held)

    async def _parts(self, head: JsonObject, totals: JsonObject) -> AsyncIterator[bytes]:
        yield orjson.dumps(head)[:-1] + b',"context":{'
        for number, (name, kind) in enumerate((await self._kinds.read()).items()):
            yield (b"," if number else b"") + orjson.dumps(name) + b":"
            async for part in _list(self._records(kind)):
                yield part
        yield b'},"usage":' + orjson.dumps(totals)[:-1] + b',"rows":'
        async for part in _list(self._rows()):
            yield part
        yield b'},"disclosures":'
        async for part in _list(self._disclosures()):
            yield part
        yield b',"audit":'
        async for part in _list(self._audit_lines()):
            yield part
        yield b',"unreadable":' + orjson.dumps(self._unreadable) + b"}"

    async def _records(self, kind: Kind) -> AsyncIterator[Mapping[str, Any]]:
        fields = await self._fields(kind.name)
        keys = [names.user_deks(self._user_id), names.context(self._user_id, kind.name)]
        for start in range(0, len(fields), _CHUNK):
            chunk = fields[start : start + _CHUNK]
            deks, values = await self._store.script(READ_RECORDS, keys, chunk)
            data_keys = read_data_keys(self._user_id, read_fields(deks))
            there = [pair for pair in zip(chunk, values, strict=True) if pair[1] is not None]
            for shown in await self._open(kind, data_keys, there):
                yield shown

    async def _fields(self, kind: str) -> list[bytes]:
        """Return a kind's records by day; those that no index names stand at the end."""
        indexed, there = await self._store.run_many(
            [
                ("ZRANGE", names.context_days(self._user_id, kind), 0, -1),
                ("HKEYS", names.context(self._user_id, kind)),
            ]
        )
        return list(dict.fromkeys((*indexed, *there)))

    async def _open(self, kind: Kind, keys: DataKeys, pairs: _Pairs) -> list[Mapping[str, Any]]:
        """Open a chunk of records at once; one by one where that fails."""
        try:
            sealed = [read_sealed(field, value) for field, value in pairs]
            opened = self._context.open(keys, kind.name, sealed)
            return [exported_record(kind, record) for record in opened]
        except RecordIntegrity:
            with suppress(NotFound, RecordIntegrity):
                await self._reread()
        return [self._open_one(kind, keys, field, value) for field, value in pairs]

    def _open_one(
        self, kind: Kind, keys: DataKeys, field: bytes, value: bytes
    ) -> Mapping[str, Any]:
        try:
            [record] = self._context.open(keys, kind.name, [read_sealed(field, value)])
            return exported_record(kind, record)
        except RecordIntegrity as error:
            self._unreadable += 1
            metrics.INTEGRITY_FAILURES.inc()
            return {"error": {"code": error.code, "message": error.message}}

    async def _rows(self) -> AsyncIterator[Mapping[str, Any]]:
        async for _, row in rows_of(self._store, self._user_id):
            cost = None if row.cost_nano is None else format_usd(row.cost_nano)
            yield public_row(row, cost)

    async def _disclosures(self) -> AsyncIterator[Mapping[str, Any]]:
        async for _, row in rows_of(self._store, self._user_id, takes=Wanted().takes):
            yield public_disclosure(row)

    async def _audit_lines(self) -> AsyncIterator[Mapping[str, Any]]:
        """Yield what admins did to this user; not from where, which is about the admin."""
        async for entry in self._audit.read_since(self._created):
            if entry.target == self._user_id or entry.target.startswith(f"{self._user_id}/"):
                yield {name: getattr(entry, name) for name in _AUDITED}


async def _list(items: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    before = b"["
    async for item in items:
        yield before + orjson.dumps(item)
        before = b","
    yield b"]" if before == b"," else b"[]"
