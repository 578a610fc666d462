"""Whatever clients send, the set of series does not grow with it (I-04, I-05)."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from gateway import metrics
from gateway.accounting.limits.counters import Measure
from gateway.catalogue.lookup import Catalogue
from gateway.config.builtin import LABELS
from gateway.config.load import load
from gateway.config.schema_limits import WhenStoreIsAway
from gateway.config.snapshot import Snapshot, compile_config
from gateway.endpoints.edge import Edge
from gateway.routing.places import OWN_ENDPOINT_LABEL
from gateway.sandbox.server import start_sandbox
from gateway.types.upstream import KeySource, Target
from tests.endpoints.serving import serve
from tests.journeys.running import RunningGateway, send_raw, start_gateway

NASTY = ("\ud800", 'a"b', "a\nb", "a\\b", "{x=1}", "\x00", "", "é" * 500, "gpt-4o\n", "gpt-4o ")
JSON = {"content-type": "application/json"}
REFERENCE = Path(__file__).parents[2] / "gateway" / "README.md"


def names(count: int) -> Iterator[str]:
    """Different names as a client could make them up: of known beginnings, and of nothing known."""
    chance = random.Random(4)
    known = ("", "gpt-4o", "gpt-4o-2024-", "claude-sonnet-4-5-", "ft:gpt-4o-mini:me::", "o3-")
    yield from NASTY
    for number in range(count - len(NASTY)):
        yield f"{chance.choice(known)}{chr(chance.randrange(32, 0x3000))}{number}"


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    loaded = load(None)
    return compile_config(loaded.config, loaded.secrets, Catalogue.load())


@pytest.mark.parametrize("provider", ["openai"])
def test_a_hundred_thousand_model_names_make_no_label_of_their_own(
    snapshot: Snapshot, provider: str
) -> None:
    """I-04."""
    rows = snapshot.catalogue.rows(snapshot.providers[provider].type)
    closed = {row.id for row in rows} | {"other"}
    asked: set[str] = set()
    labels: set[str] = set()
    for name in names(100_000):
        info = snapshot.model(provider, name)
        target = Target(provider, "openai", name, "", KeySource.OWN, None, "", {}, info)
        asked.add(name)
        labels.add(target.model_label)
    assert len(asked) >= 100_000 - len(NASTY)
    assert labels <= closed
    assert "other" in labels
    assert not any(ord(char) < 32 or 0xD800 <= ord(char) < 0xE000 for char in "".join(labels))


def test_every_provider_has_a_label_of_the_closed_set(snapshot: Snapshot) -> None:
    assert {entry.label for entry in snapshot.providers.values()} <= LABELS
    assert OWN_ENDPOINT_LABEL not in LABELS - {OWN_ENDPOINT_LABEL}


def series() -> set[tuple[str, ...]]:
    """Every series of this process."""
    return {
        (sample.name, *map(str, sorted(sample.labels.items())))
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name.startswith("gateway_")
    }


async def knock(edge: Edge, method: str, path: str) -> int:
    """Ask for a path as it came over the wire; return the status."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("gateway", 80),
        "root_path": "",
    }
    await edge(scope, receive, send)
    return statuses[0]


async def test_a_hundred_thousand_paths_and_methods_leave_the_series_as_they_are(
    tmp_path: Path, store: Any, redis_server: Any
) -> None:
    """I-05."""
    async with serve(tmp_path, store, redis_server.url) as served:
        edge: Any = served.client._transport.app  # type: ignore[attr-defined]  # the application itself
        first = {await knock(edge, method, "/x") for method in ("GET", "BREW")}
        await knock(edge, "GET", "/v1/me/context/any/thing")
        await knock(edge, "BREW", "/v1/me")
        before = series()
        assert first == {404}

        for number, name in enumerate(names(100_000)):
            method = "GET" if number % 7 else f"M{number}"
            path = f"/v1/me/context/{name}/x" if number % 3 else f"/{name}"
            await knock(edge, method, path)

    grown = series() - before
    assert grown == set()


def test_over_the_wire_neither_names_paths_nor_users_make_series(tmp_path: Path) -> None:
    """I-04, I-05: through real workers, sent as clients would send it."""
    with (
        start_sandbox() as sandbox,
        start_gateway(tmp_path / "home", sandbox.url, workers=2) as gateway,
    ):
        send_some(gateway, "first")
        counted(gateway)  # so that the series of scrapes are there too
        before = counted(gateway)
        for number in range(6):
            send_some(gateway, f"more-{number}")
        grown = counted(gateway) - before
        text = gateway.call("GET", "/metrics", gateway.admin_token).text
    assert grown == set()
    assert "u_" not in text.replace("gateway_u", "")
    assert "more-" not in text


def send_some(gateway: RunningGateway, mark: str) -> None:
    """Names, paths and a user nobody knew, with what might break a line of the exposition."""
    user = gateway.new_user("openai")
    for model in (f'sandbox-{mark}"\\n', f"gpt-4o-{mark}", f"ft:gpt-4o:{mark}"):
        user.chat(model)
    lone = '{"model": "\\ud800", "messages": [{"role": "user", "content": "Hi"}]}'
    user.call("POST", "/v1/chat/completions", content=lone, headers=JSON)
    for path in (f"/v1/{mark}", f"/{mark}%0a%22", f"/v1/me/context/{mark}/x", f"/v1/me/x/{mark}"):
        user.call("GET", path)
    send_raw(gateway.url, f"{mark.upper().replace('-', '')} /v1/me HTTP/1.1\nhost: gateway")


def counted(gateway: RunningGateway) -> set[str]:
    """Every series that a scrape shows, without its value."""
    text = gateway.call("GET", "/metrics", gateway.admin_token).text
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


def test_the_zeros_that_are_shown_are_of_the_closed_sets() -> None:
    assert set(metrics.LIMIT_MEASURES) == {each.value for each in Measure}
    assert set(metrics.STORE_POLICIES) == {each.value for each in WhenStoreIsAway}


def test_the_reference_names_every_metric_with_its_labels() -> None:
    """A row may name several metrics; their labels are those of the row."""
    rows: dict[str, set[str]] = {}
    for line in REFERENCE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `gateway_"):
            shown, labels = (cell.strip() for cell in line.split("|")[1:3])
            rows |= {name.strip("`"): set(labels.split(", ")) - {""} for name in shown.split(", ")}
    defined = {
        next(iter(each.describe())).name: set(each._labelnames)
        for each in vars(metrics).values()
        if isinstance(each, MetricWrapperBase)
    }
    assert rows == defined
