"""Where a user's context goes: into the upstream request of that user, and nowhere else (I-01).

What these users write is watched by the canary scan, which searches everything the run leaves
behind: the store with its append-only file, logs at debug, metrics, error bodies, output.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway.config.kinds import BUILTIN_KINDS
from gateway.sandbox.server import RunningSandbox
from gateway.types.context import Dating, Field, FieldType, Kind
from tests.canary import Canaries
from tests.journeys.running import GatewayUser, RunningGateway, start_gateway

OWN_KIND = """\
logging: {level: debug}
context:
  kinds:
    tickets:
      title: Support tickets
      dated: day
      fields: {subject: {required: true}, labels: {type: tags}}
      windows: {standard: 30, comprehensive: 84}
"""
TICKETS = Kind(
    "tickets",
    "Support tickets",
    Dating.DAY,
    (Field("subject", FieldType.TEXT), Field("labels", FieldType.TAGS)),
)
# Computed from records, or said of them, but not shown as written: a number tells nobody apart.
SHOWN = (FieldType.TEXT, FieldType.TAGS)


@pytest.fixture(scope="module")
def loud_gateway(
    tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox
) -> Iterator[RunningGateway]:
    """A gateway that logs all it can, with a kind of the operator's own."""
    home = tmp_path_factory.mktemp("loud")
    with start_gateway(home, sandbox.url, workers=2, more=OWN_KIND) as running:
        yield running


def test_every_field_of_every_kind_reaches_its_owners_provider_and_nothing_else(
    loud_gateway: RunningGateway, sandbox: RunningSandbox, canary: Canaries
) -> None:
    """I-01, I-03, D-22."""
    owner, other = loud_gateway.new_user("openai"), loud_gateway.new_user("openai")
    written = [
        secret
        for kind in (*BUILTIN_KINDS.values(), TICKETS)
        for secret in fill(owner, kind, canary)
    ]
    assert len(written) > 15
    question = canary.mint("question")
    for provider in ("openai", "anthropic"):
        owner.put_key(provider, canary.mint("sk-test-"))
        answer = ask(owner, question, f"{provider}/sandbox-echo")
        seen = upstream(sandbox, answer.headers["x-request-id"])
        assert [secret for secret in (question, *written) if secret not in seen] == []
        stream = ask(owner, question, f"{provider}/sandbox-echo", stream=True)
        assert stream.status_code == 200
    for request in (
        ask(other, "Hello", "openai/sandbox-echo"),
        ask(owner, "Hello", "openai/sandbox-echo", scope="none"),
    ):
        seen = upstream(sandbox, request.headers["x-request-id"])
        assert [secret for secret in written if secret in seen] == []


def test_what_fails_says_nothing_of_the_context(
    loud_gateway: RunningGateway, canary: Canaries
) -> None:
    """I-02. Errors of the provider, of the request and of the record itself."""
    owner = loud_gateway.new_user("openai")
    for kind in BUILTIN_KINDS.values():
        fill(owner, kind, canary)
    for model in ("sandbox-500", "sandbox-malformed-2", "sandbox-cut-2", "sandbox-401"):
        ask(owner, canary.mint("question"), f"openai/{model}")
    secret = canary.mint("wrong")
    for body in (
        {"date": secret, "text": secret},
        {"date": str(today()), "text": {"a": secret}},
        {"date": str(today()), "text": secret, "moods": secret},
        {"date": str(today()), "text": secret, "tags": [secret, 5]},
    ):
        refused = owner.call("POST", "/v1/me/context/entries", body)
        assert refused.status_code == 400
        assert secret not in refused.text
    owner.call("GET", "/metrics")


def fill(user: GatewayUser, kind: Kind, canary: Canaries) -> list[str]:
    """Write a record with a secret in each of its fields, in its id, and return the shown ones."""
    if kind.dating is Dating.COMPUTED:
        return []
    if kind.dating is Dating.SINGLE:
        secrets = [canary.mint("free"), canary.mint("free")]
        body: dict[str, Any] = {"name": secrets[0], "timezone": "UTC", "motto": secrets[1]}
        answer = user.call("PUT", "/v1/me/context/profile", body)
        assert answer.is_success, answer.text
        return secrets
    body, shown = {}, []
    for field in kind.fields:
        body[field.name], secret = filled(field, canary)
        if secret is not None:
            shown.append(secret)
    if kind.dating is Dating.DAY:
        body["date"] = str(today())
    if kind.dating is Dating.WEEK:
        year, week, _ = (today() - timedelta(days=7)).isocalendar()
        body["week"] = f"{year}-W{week:02}"
    record_id = canary.mint("id")
    answer = user.call("PUT", f"/v1/me/context/{kind.name}/{record_id}", body)
    assert answer.is_success, answer.text
    return shown


def filled(field: Field, canary: Canaries) -> tuple[Any, str | None]:
    """Return a value for a field, and the secret in it where it is shown as written."""
    if field.type not in SHOWN:
        return {"number": 5, "boolean": True, "time": "12:30"}[field.type.value], None
    secret = canary.mint("x" if field.max_length < 30 else "field")[: field.max_length]
    return ([secret] if field.type is FieldType.TAGS else secret), secret


def ask(
    user: GatewayUser, text: str, model: str, *, scope: str = "comprehensive", **members: Any
) -> Any:
    """Ask with all the context there is."""
    return user.chat(model, text, gateway={"context": {"scope": scope}}, **members)


def upstream(sandbox: RunningSandbox, request_id: str) -> str:
    """Return what the provider got of a request."""
    with httpx.Client(trust_env=False) as client:
        found = client.get(
            f"{sandbox.url}/sandbox/requests", params={"client_request_id": request_id}
        ).json()["requests"]
    assert found
    return json.dumps([entry["body"] for entry in found], ensure_ascii=False)


def today() -> Any:
    """The day, in UTC as these users have it."""
    return datetime.now(UTC).date()  # what the gateway under test reads
