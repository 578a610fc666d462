"""Bad input: every refusal is in OpenAI's shape, names the fault and the cure, and is never a 500."""

import json
from typing import Any

import httpx
import pytest

from tests.journeys.running import GatewayUser, RunningGateway, send_raw

USER = {"role": "user", "content": "Hi"}


@pytest.fixture(scope="module")
def user(gateway: RunningGateway) -> GatewayUser:
    return gateway.new_user("openai")


def assert_refusal(
    response: httpx.Response, status: int, code: str, param: str | None = None
) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert {"message", "type", "code", "param"} <= error.keys()
    assert error["code"] == code
    if param is not None:
        assert error["param"] == param
    assert response.headers["x-request-id"].startswith("req_")
    assert response.headers["x-gateway-error-origin"] in (
        "request", "policy", "user_key", "provider", "gateway"
    )  # fmt: skip
    return error


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Basic abc",
        "Bearer gw_u_short",
        "Bearer gw_u_" + "a" * 49,
        "Bearer sk-somebody-elses",
        "gw_u_" + "b" * 49,
    ],
)
def test_no_or_wrong_token_is_one_constant_401(
    gateway: RunningGateway, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    response = gateway.call(
        "POST", "/v1/chat/completions", None, {"messages": [USER]}, headers=headers
    )
    assert_refusal(response, 401, "invalid_api_key")
    plain = gateway.call("POST", "/v1/chat/completions", None, {"messages": [USER]})
    assert response.content == plain.content
    assert response.headers["www-authenticate"] == "Bearer"


def test_an_unknown_token_of_the_right_shape_answers_the_same(gateway: RunningGateway) -> None:
    user = gateway.new_user("openai")
    tokens = user.call("GET", "/v1/me/tokens").json()["data"]
    user.call("DELETE", f"/v1/me/tokens/{tokens[0]['id']}")
    revoked = user.chat("sandbox-echo")
    none = gateway.call("POST", "/v1/chat/completions", None, {})
    assert (revoked.status_code, revoked.content) == (none.status_code, none.content)


def test_an_expired_token_is_refused(user: GatewayUser) -> None:
    minted = user.call("POST", "/v1/me/tokens", {"name": "short", "ttl": 1}).json()
    deadline_passed = None
    for _ in range(200):
        answer = user.gateway.call("GET", "/v1/me/usage", minted["token"])
        if answer.status_code == 401:
            deadline_passed = answer
            break
    assert deadline_passed is not None, "still valid after its second"
    assert_refusal(deadline_passed, 401, "invalid_api_key")


def test_a_token_may_do_only_what_it_allows(user: GatewayUser) -> None:
    minted = user.call("POST", "/v1/me/tokens", {"name": "narrow", "allows": ["chat"]}).json()
    call = user.gateway.call
    assert call("GET", "/v1/me/usage", minted["token"]).status_code == 200
    assert_refusal(call("GET", "/v1/me", minted["token"]), 403, "not_allowed")
    profile = call("PUT", "/v1/me/context/profile", minted["token"], {"name": "x"})
    assert_refusal(profile, 403, "not_allowed")


def test_users_and_admins_cannot_use_each_others_routes(user: GatewayUser) -> None:
    gateway = user.gateway
    assert_refusal(gateway.call("GET", "/admin/v1/users", user.token), 401, "invalid_api_key")
    assert_refusal(gateway.call("GET", "/v1/me", gateway.admin_token), 401, "invalid_api_key")
    chat = gateway.call("POST", "/v1/chat/completions", gateway.admin_token, {"messages": [USER]})
    assert_refusal(chat, 401, "invalid_api_key")


def test_two_authorization_headers_are_ambiguous(user: GatewayUser) -> None:
    headers = [("authorization", f"Bearer {user.token}")] * 2
    with httpx.Client(trust_env=False) as client:
        response = client.get(f"{user.gateway.url}/v1/me", headers=headers)
    assert_refusal(response, 400, "ambiguous_credentials")


RAW: list[tuple[bytes, dict[str, str], int, str]] = [
    (b"", {}, 400, "invalid_json"),
    (b"not json", {}, 400, "invalid_json"),
    (b"[]", {}, 400, "invalid_json"),
    (b'{"messages": [', {}, 400, "invalid_json"),
    (b'\xff\xfe{"a":1}', {}, 400, "invalid_json"),
    (b'{"messages": NaN}', {}, 400, "invalid_json"),
    (b"{" + b'"a":{' * 80 + b"}" * 81, {}, 400, "too_deep"),
    (b"{}", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
    (b"{}", {"content-type": "application/json; charset=utf-16"}, 415, "unsupported_media_type"),
    (b"{}", {"content-encoding": "gzip"}, 415, "unsupported_media_type"),
]


@pytest.mark.parametrize(("body", "headers", "status", "code"), RAW)
def test_a_body_that_is_no_json_object(
    user: GatewayUser, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    sent = {"content-type": "application/json", **headers}
    response = user.call("POST", "/v1/chat/completions", content=body, headers=sent)
    assert_refusal(response, status, code)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [USER], "temperature": "hot"}, "temperature"),
        ({"messages": [USER], "temperature": 3}, "temperature"),
        ({"messages": [USER], "n": 0}, "n"),
        ({"messages": [USER], "stream": "yes"}, "stream"),
        ({"messages": [USER], "model": 7}, "model"),
        ({"messages": [USER], "gateway": {"contxt": {}}}, "gateway.contxt"),
        ({"messages": [USER], "gateway": {"feature": "BAD FEATURE"}}, "gateway.feature"),
    ],
)
def test_a_wrong_member_is_named_by_its_path(
    user: GatewayUser, body: dict[str, Any], param: str
) -> None:
    response = user.call("POST", "/v1/chat/completions", body)
    error = response.json()["error"]
    assert response.status_code == 400, response.text
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"


def test_a_body_too_large_is_refused_before_it_is_read(user: GatewayUser) -> None:
    head = (
        "POST /v1/chat/completions HTTP/1.1\nhost: gateway\n"
        f"authorization: Bearer {user.token}\n"
        "content-type: application/json\ncontent-length: 200000000"
    )
    assert_refusal(send_raw(user.gateway.url, head), 413, "request_too_large")


def test_no_key_says_how_to_add_one(gateway: RunningGateway) -> None:
    user = gateway.new_user("openai")
    error = assert_refusal(user.chat("anthropic/claude-sonnet-4-5"), 403, "provider_key_missing")
    assert "PUT /v1/me/providers/anthropic" in error["message"]


def test_an_unknown_model_at_the_provider_is_a_404(user: GatewayUser) -> None:
    assert_refusal(user.chat("missing-model-1"), 404, "model_not_found")


def test_an_unknown_provider_cannot_be_preferred(user: GatewayUser) -> None:
    response = user.call("PATCH", "/v1/me", {"preferences": {"provider": "nobody"}})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "preferences.provider"


@pytest.mark.parametrize(
    "secret", ["sk-with space", "sk-line\n", "sk-\r\nX: y", "sk-é", "", "a" * 9999]
)
def test_a_provider_key_that_cannot_be_sent_is_refused_when_saved(
    user: GatewayUser, secret: str
) -> None:
    response = user.call("PUT", "/v1/me/providers/groq", {"secret": secret})
    error = assert_refusal(response, 400, "invalid_key_format", "secret")
    assert secret.strip() == "" or secret not in json.dumps(error)


def test_an_own_endpoint_inside_is_refused(user: GatewayUser) -> None:
    for endpoint in ("http://127.0.0.1:8080/v1", "https://169.254.169.254/v1", "https://[::1]/v1"):
        body = {
            "type": "openai_compatible",
            "secret": "sk-any",
            "settings": {"endpoint": endpoint},
        }
        response = user.call("PUT", "/v1/me/providers/mine", body)
        assert_refusal(response, 400, "endpoint_not_allowed")


def test_somebody_elses_ids_are_404(gateway: RunningGateway, user: GatewayUser) -> None:
    other = gateway.new_user("openai")
    token_id = other.call("GET", "/v1/me/tokens").json()["data"][0]["id"]
    request_id = other.chat("sandbox-echo").headers["x-request-id"]
    assert other.rows(request_id)
    assert_refusal(user.call("DELETE", f"/v1/me/tokens/{token_id}"), 404, "not_found")
    usage = user.call("GET", f"/v1/me/usage?request_id={request_id}")
    assert_refusal(usage, 404, "not_found")
    assert other.chat("sandbox-echo").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v1/responses", 404, "unsupported_endpoint"),
        ("POST", "/v1/messages", 404, "unsupported_endpoint"),
        ("POST", "/v1/images/generations", 404, "unsupported_endpoint"),
        ("GET", "/v1/nonsense", 404, "not_found"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("TRACE", "/v1/chat/completions", 405, "method_not_allowed"),
        ("GET", "/V1/me", 404, "not_found"),
        ("GET", "//admin/v1/users", 404, "not_found"),
        ("GET", "/v1/../admin/v1/users", 404, "not_found"),
        ("GET", "/admin/v1/users/", 404, "not_found"),
    ],
)
def test_paths_and_methods_that_are_not_served(
    user: GatewayUser, method: str, path: str, status: int, code: str
) -> None:
    head = f"{method} {path} HTTP/1.1\nhost: gateway\nauthorization: Bearer {user.token}"
    assert_refusal(send_raw(user.gateway.url, head), status, code)


def test_metrics_need_an_admin_token(gateway: RunningGateway, user: GatewayUser) -> None:
    assert_refusal(gateway.call("GET", "/metrics", None), 401, "invalid_api_key")
    assert_refusal(gateway.call("GET", "/metrics", user.token), 401, "invalid_api_key")
    assert gateway.call("GET", "/metrics", gateway.admin_token).status_code == 200


def test_the_cure_an_error_names_is_one_that_works(gateway: RunningGateway) -> None:
    user = gateway.new_user("openai")
    error = assert_refusal(user.chat("auto"), 404, "model_not_found", "model")
    body = error["message"].partition("the body ")[2].rstrip(".").replace("…", "sandbox-echo")
    assert user.call("PATCH", "/v1/me", json.loads(body)).status_code == 200
    assert user.chat("auto").status_code == 200
