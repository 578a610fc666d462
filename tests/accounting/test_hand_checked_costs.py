"""The cost of recorded replies against sums done by hand: usage → parser → buckets → price."""

import json
from decimal import Decimal
from typing import Any

import pytest

from gateway.accounting.cost import cost_of
from gateway.accounting.meter import Meter
from gateway.catalogue.lookup import Catalogue
from gateway.config.schema import Config
from gateway.config.secrets import Secrets
from gateway.config.snapshot import Snapshot, compile_config
from gateway.providers.registry import PROVIDERS
from gateway.types.chat import ChatRequest, Message, Role
from gateway.types.models import PriceState
from gateway.types.upstream import KeySource, ReplyHead, Target
from tests.accounting.hand_checked import ROWS, Row
from tests.conformance.recordings import require

JSON = ReplyHead(200, {"content-type": "application/json"})


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return compile_config(Config(), Secrets(), Catalogue.load())


def native_reply(row: Row) -> dict[str, Any]:
    """A whole reply in the provider's own format, around the usage it reported."""
    match row.provider:
        case "anthropic":
            content = [{"type": "text", "text": "ok"}]
            return {"id": "msg_1", "type": "message", "role": "assistant", "model": row.model,
                    "content": content, "stop_reason": "end_turn", "usage": row.usage}  # fmt: skip
        case "gemini" | "vertex":
            said = {"role": "model", "parts": [{"text": "ok"}]}
            return {"candidates": [{"content": said, "finishReason": "STOP", "index": 0}],
                    "modelVersion": row.model, "usageMetadata": row.usage}  # fmt: skip
        case "bedrock":
            message = {"role": "assistant", "content": [{"text": "ok"}]}
            return {"output": {"message": message}, "stopReason": "end_turn", "usage": row.usage}
        case "cohere":
            message = {"role": "assistant", "content": [{"type": "text", "text": "ok"}]}
            return {"id": "1", "finish_reason": "COMPLETE", "message": message, "usage": row.usage}
        case _:
            message = {"role": "assistant", "content": "ok"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return {"id": "c1", "object": "chat.completion", "created": 1, "model": row.model,
                    "choices": [choice], "usage": row.usage, **dict(row.members)}  # fmt: skip


def metered(row: Row, snapshot: Snapshot) -> Meter:
    """What the gateway's own parser makes of the reply."""
    target = Target(
        provider=row.provider, type=row.provider, model=row.model, base_url="https://up.example",
        key_source=KeySource.OWN, key_name=None, audience="", settings={},
        info=snapshot.model(row.provider, row.model),
    )  # fmt: skip
    chat = ChatRequest(row.model, (Message(Role.USER, "Hi"),))
    parser = PROVIDERS[row.provider].open_reply(chat, target, JSON)
    meter = Meter()
    for event in [*parser.feed(json.dumps(native_reply(row)).encode()), *parser.finish()]:
        meter.add(event, 0.0)
    return meter


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.provider}-{row.model}-{row.expected}")
def test_a_reply_costs_what_the_published_prices_make_of_it(row: Row, snapshot: Snapshot) -> None:
    by_hand = sum(tokens * Decimal(dollars) * 1000 for tokens, dollars in row.parts) + row.fees
    assert by_hand == row.expected

    meter = metered(row, snapshot)
    assert meter.is_measured
    assert meter.reported is not None
    usage = meter.billable(meter.usage(0))
    assert usage.total == sum(tokens for tokens, _ in row.parts)

    price = snapshot.model(row.provider, row.model).price
    searches = meter.reported.searches
    cost = cost_of(usage, price, row.at, service=meter.service, searches=searches)
    assert (cost.nano, cost.state) == (row.expected, PriceState.PRICED)
    assert meter.reported.cost_nano == row.said


def test_the_table_covers_what_bills_go_wrong_by() -> None:
    assert len([row for row in ROWS if row.recorded]) >= 30
    assert len({row.provider for row in ROWS}) >= 12


def counts_in(value: Any) -> set[int]:
    """Every count above zero inside a usage object."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return {count for item in inner for count in counts_in(item)}
    return {value} if type(value) is int and value > 0 else set()


def usages_in(text: str) -> list[set[int]]:
    """The counts of each usage object in a reply, whole or streamed; those of a stream added up."""
    lines = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")]
    found = []
    for piece in lines or [text]:
        try:
            body = json.loads(piece)
        except ValueError:
            continue
        if isinstance(body, dict):
            names = ("usage", "usageMetadata")
            found += [counts_in(body[name]) for name in names if isinstance(body.get(name), dict)]
    return [*found, set().union(*found)]


def test_the_numbers_are_those_of_recorded_replies() -> None:
    apis = ("chat", "messages", "generateContent", "converse")
    exchanges = [exchange for api in apis for exchange in require(api)]
    recorded: dict[str, list[set[int]]] = {}
    for exchange in exchanges:
        if exchange.status == 200:
            text = exchange.body.decode(errors="replace")
            recorded.setdefault(exchange.provider, []).extend(usages_in(text))
    for row in ROWS:
        wanted = counts_in(row.usage)
        if row.recorded:
            assert any(wanted <= counts for counts in recorded[row.provider]), row
