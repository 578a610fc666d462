"""What spool tests share: rows, folders, and reading back what the store has."""

from pathlib import Path

from gateway.accounting.rows import LedgerRow, Status
from gateway.accounting.spool.place import SpoolDir, create
from gateway.accounting.usage import read_request, read_sums, read_totals
from gateway.store.base import Store
from gateway.types.usage import Certainty, Usage

NOON = 1_795_435_200.0  # 2026-11-23, 12:00 UTC
DAY = "2026-11-23"


def row(user: str, number: int, *, tokens: int = 10) -> LedgerRow:
    """A measured row of request `number`."""
    return LedgerRow(
        request_id=f"req_{number}",
        attempt=1,
        user_id=user,
        token_id="t",  # an id
        time=NOON,
        provider="openai",
        model="gpt-5",
        status=Status.OK,
        certainty=Certainty.MEASURED,
        usage=Usage(input=tokens, output=1),
        cost_nano=1000,
    )


def spool(root: Path, name: str = "w0-1") -> SpoolDir:
    """A new writer's folder."""
    return create(root, name)


async def totals(store: Store, user: str) -> tuple[int, int]:
    """How many requests and input tokens the store has booked for a user."""
    found = await read_totals(store, user, (DAY,), ())
    if not found:
        return 0, 0
    return found[0]["requests"], found[0]["tokens"].get("input", 0)


async def of_everyone(store: Store) -> tuple[int, int]:
    """How many requests and input tokens the deployment's totals have."""
    total = (await read_sums(store, None, (DAY,), ())).total()
    return total["requests"], total["tokens"].get("input", 0)


async def has_row(store: Store, user: str, number: int) -> bool:
    """Whether the store has the row of a request."""
    return bool(await read_request(store, user, f"req_{number}"))
