"""Two users side by side: nobody reaches what is another's, and nobody writes what is not theirs.

Both tables are checked against the routes, so that a new route must be put into them.
"""

from typing import Any

import httpx
import pytest

from gateway.endpoints.table import ROUTES
from gateway.types.account import Need
from tests.canary import CANARIES
from tests.journeys.running import RunningGateway

NOBODY = "u_" + "0" * 22
ENTRY = {"date": "2026-01-05", "text": "A day."}
PILLAR = {"name": "work", "score": 5}


class Owned:
    """A user with one of everything that has an id."""

    def __init__(self, gateway: RunningGateway) -> None:
        self.user = gateway.new_user("openai", default_model="sandbox-echo")
        call = self.user.call
        self.user.put_key("mine", CANARIES.mint("sk-mine-"), type="openai")
        call("PUT", "/v1/me/context/profile", {"name": "Ann"})
        call("PUT", "/v1/me/context/entries/e1", ENTRY)
        call("PUT", "/v1/me/context/pillars/work", PILLAR)
        self.request_id = self.user.chat("auto").headers["x-request-id"]
        minted = call("POST", "/v1/me/tokens", {"name": "app"}).json()
        CANARIES.watch(minted["token"])
        self.token_id = minted["id"]

    def everything(self) -> list[Any]:
        """Return all that anybody could have changed."""
        paths = (
            "",
            "/tokens",
            "/providers",
            "/context/profile",
            "/context/entries",
            "/context/pillars",
            f"/usage?request_id={self.request_id}",
            "/disclosures",
        )
        answers = [self.user.call("GET", f"/v1/me{path}") for path in paths]
        assert [answer.status_code for answer in answers] == [200] * len(paths)
        return [answer.json() for answer in answers]


# What each route with an id answers to somebody who uses the id of another: by method and path, the
# path to call (`{…}` are attributes of the owner), and a body.
REFUSED: dict[tuple[str, str], tuple[str, Any]] = {
    ("GET", "/v1/models/{id:path}"): ("/v1/models/mine/gpt-4o", None),
    ("DELETE", "/v1/me/tokens/{token_id}"): ("/v1/me/tokens/{token_id}", None),
    ("DELETE", "/v1/me/providers/{name}"): ("/v1/me/providers/mine", None),
    ("POST", "/v1/me/providers/{name}/test"): ("/v1/me/providers/mine/test", None),
    ("GET", "/v1/me/context/{kind}/{id}"): ("/v1/me/context/entries/e1", None),
    ("DELETE", "/v1/me/context/{kind}/{id}"): ("/v1/me/context/entries/e1", None),
    ("GET", "/v1/me/usage"): ("/v1/me/usage?request_id={request_id}", None),
}
# Ids here are names in the caller's own account: the same name twice is two things.
OWN_NAMES: dict[tuple[str, str], tuple[str, Any]] = {
    ("PUT", "/v1/me/providers/{name}"): (
        "/v1/me/providers/mine", {"type": "openai", "secret": "sk-of-the-other-one"}
    ),
    ("PUT", "/v1/me/context/{kind}/{id}"): (
        "/v1/me/context/entries/e1", {"date": "2026-01-06", "text": "Another day."}
    ),
    ("POST", "/v1/me/context/{kind}"): (
        "/v1/me/context/pillars", {"id": "work", "name": "other", "score": 1}
    ),
    ("GET", "/v1/me/context/{kind}"): ("/v1/me/context/habits", None),
}  # fmt: skip


def test_a17_every_route_with_an_id_is_in_one_of_the_tables() -> None:
    """A-17. The admin's routes are tried one by one below."""
    with_id = {
        (route.method, route.path)
        for route in ROUTES
        if "{" in route.path and route.need is not Need.ADMIN
    }
    with_id.add(("GET", "/v1/me/usage"))  # its id is in the query

    assert with_id == REFUSED.keys() | OWN_NAMES.keys()


def test_a17_the_ids_of_another_user_are_as_if_they_did_not_exist(gateway: RunningGateway) -> None:
    """A-17. 404, in the words for an id that nobody has; nothing changed on either side."""
    ann, bob = Owned(gateway), gateway.new_user("anthropic")
    before = ann.everything()
    for (method, _), (path, body) in REFUSED.items():
        asked = path.format(token_id=ann.token_id, request_id=ann.request_id)
        nobodys = path.replace("mine", "none").replace("e1", "e9").format(
            token_id="t_" + "0" * 22, request_id="req_" + "0" * 32
        )  # fmt: skip

        answer, unknown = bob.call(method, asked, body), bob.call(method, nobodys, body)

        assert answer.status_code == 404, f"{method} {path}: {answer.text}"
        assert in_words(answer, "mine") == in_words(unknown, "none")
    for (method, _), (path, body) in OWN_NAMES.items():
        assert bob.call(method, path, body).is_success
    assert ann.everything() == before


def in_words(answer: httpx.Response, name: str) -> tuple[int, str]:
    return answer.status_code, answer.text.replace(name, "…")


def test_a17_an_admins_routes_are_nobody_elses(gateway: RunningGateway) -> None:
    """A-17. A user's token is no admin's, not even for the user's own id."""
    ann, bob = Owned(gateway), gateway.new_user("anthropic")
    before = ann.everything()
    for route in (route for route in ROUTES if route.need is Need.ADMIN):
        for user_id in (ann.user.id, bob.id):
            path = (
                route.path.replace("{user_id}", user_id)
                .replace("{token_id}", ann.token_id)
                .replace("{external_id:path}", "x")
            )
            answer = bob.call(route.method, path, {} if route.method != "GET" else None)
            assert answer.status_code == 401, f"{route.method} {path}"
    assert ann.everything() == before


def test_a17_an_admin_who_mixes_up_two_users_changes_nothing(gateway: RunningGateway) -> None:
    """A-17. A token is revoked only by way of the user it belongs to."""
    ann, bob = Owned(gateway), gateway.new_user("anthropic")
    before = ann.everything()
    for user_id in (bob.id, NOBODY):
        path = f"/admin/v1/users/{user_id}/tokens/{ann.token_id}"
        assert gateway.call("DELETE", path, gateway.admin_token).status_code == 404
    assert ann.everything() == before


MASSES = {
    "role": "admin",
    "user_id": NOBODY,
    "budget": 10**9,
    "origin": "https://evil.example",
    "dek": "AAAA",
    "created": 1,
    "admin": True,
    "__proto__": {},
}
# What each writable route takes: the path to call, and a body that is whole.
WRITABLE: dict[tuple[str, str], tuple[str, Any]] = {
    ("PATCH", "/v1/me"): ("/v1/me", {"preferences": {"timezone": "Europe/Berlin"}}),
    ("POST", "/v1/me/tokens"): ("/v1/me/tokens", {"name": "x"}),
    ("PUT", "/v1/me/providers/{name}"): (
        "/v1/me/providers/mine", {"type": "openai", "secret": "sk-another-one-0123"}
    ),
    ("PUT", "/v1/me/context/{kind}/{id}"): ("/v1/me/context/entries/e1", {**ENTRY, "text": "B"}),
    ("POST", "/v1/me/context/{kind}"): ("/v1/me/context/pillars", {**PILLAR, "id": "work"}),
    ("POST", "/admin/v1/users"): ("/admin/v1/users", {"name": "x"}),
    ("PUT", "/admin/v1/users/by-external-id/{external_id:path}"): (
        "/admin/v1/users/by-external-id/mass-1", {"name": "x"}
    ),
    ("PATCH", "/admin/v1/users/{user_id}"): ("/admin/v1/users/{user_id}", {"name": "x"}),
    ("PUT", "/admin/v1/users/{user_id}/limits"): (
        "/admin/v1/users/{user_id}/limits", {"concurrent": 7}
    ),
    ("POST", "/admin/v1/users/{user_id}/tokens"): (
        "/admin/v1/users/{user_id}/tokens", {"name": "x"}
    ),
}  # fmt: skip
# Bodies in OpenAI's format, whose further members are the provider's: ours are below `gateway`.
PASSED_ON: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/chat/completions"): {"model": "x", "messages": [{"role": "user", "content": ""}]},
    ("POST", "/v1/explain"): {"model": "x", "messages": [{"role": "user", "content": ""}]},
    ("POST", "/v1/embeddings"): {"model": "x", "input": "y"},
    ("POST", "/v1/me/context/preview"): {},
}
FREE = {
    ("PUT", "/v1/me/context/profile"),  # further members are the user's own words
    ("POST", "/v1/receipts/verify"),  # further members make a receipt invalid
}
NO_BODY = {
    ("POST", "/v1/me/providers/{name}/test"),
    ("POST", "/admin/v1/users/{user_id}/rotate-dek"),
}


def test_a18_every_writable_route_is_in_one_of_the_tables() -> None:
    """A-18."""
    writing = {
        (route.method, route.path) for route in ROUTES if route.method in ("POST", "PUT", "PATCH")
    }

    assert writing == WRITABLE.keys() | PASSED_ON.keys() | FREE | NO_BODY


@pytest.mark.parametrize("extra", MASSES)
def test_a18_no_body_takes_a_member_that_is_not_its_own(
    gateway: RunningGateway, extra: str
) -> None:
    """A-18. 400 that says so, and nothing is changed, not even what was right beside it."""
    ann = Owned(gateway)
    before = ann.everything()
    users = len(gateway.admin("GET", "/users?limit=200")["data"])
    for (method, route), (path, body) in WRITABLE.items():
        token = gateway.admin_token if route.startswith("/admin") else ann.user.token
        asked = path.format(user_id=ann.user.id)

        answer = gateway.call(method, asked, token, {**body, extra: MASSES[extra]})

        assert answer.status_code == 400, f"{method} {route}: {answer.text}"
        assert "nknown" in answer.json()["error"]["message"], answer.text
    for (method, path), body in PASSED_ON.items():
        answer = ann.user.call(method, path, {**body, "gateway": {extra: MASSES[extra]}})
        assert answer.status_code == 400, f"{method} {path}: {answer.text}"
        assert answer.json()["error"]["param"].startswith("gateway")
    assert ann.everything() == before
    assert len(gateway.admin("GET", "/users?limit=200")["data"]) == users


def test_a18_members_below_members_are_no_way_in_either(gateway: RunningGateway) -> None:
    """A-18."""
    ann = Owned(gateway)
    before = ann.everything()
    key = {"type": "openai", "secret": "sk-x-0123456789"}
    attempts: list[tuple[str, str, Any]] = [
        ("PATCH", "/v1/me", {"preferences": {"role": "admin"}}),
        ("PATCH", "/v1/me", {"preferences": {"context": {"dek": "x"}}}),
        ("PATCH", "/v1/me", {"preferences": {}, "scope_ceiling": "comprehensive"}),
        ("PUT", "/v1/me/providers/mine", {**key, "settings": {"origin": "https://evil.example"}}),
        ("PUT", "/v1/me/providers/mine", {**key, "audience": "https://evil.example"}),
        ("POST", "/v1/me/context/entries", {"records": [{**ENTRY, "tokens": 0}]}),
        ("POST", "/v1/me/context/entries", {"records": [ENTRY], "user_id": NOBODY}),
        ("PUT", "/v1/me/context/entries/e1", {**ENTRY, "id": "e2"}),
    ]
    for method, path, body in attempts:
        answer = ann.user.call(method, path, body)
        assert answer.status_code == 400, f"{method} {path} {body}: {answer.text}"
    assert ann.everything() == before


def test_a18_a_profiles_own_words_are_words_and_nothing_more(gateway: RunningGateway) -> None:
    """A-18. `role` in a profile is what the user calls their role."""
    ann = Owned(gateway)
    before = ann.everything()[0]
    words = {"name": "Ann", "role": "admin", "user_id": NOBODY, "budget": 5}

    assert ann.user.call("PUT", "/v1/me/context/profile", words).is_success

    assert ann.user.call("GET", "/v1/me/context/profile").json() == words
    assert ann.user.call("GET", "/v1/me").json() == before
    assert ann.user.call("GET", "/admin/v1/users").status_code == 401
