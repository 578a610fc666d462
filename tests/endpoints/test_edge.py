"""The edge: routes must declare their need, and a bug says nothing but its request id."""

import json
import logging
from typing import Any

import pytest

from gateway.endpoints.log import JsonFormatter, describe_exception
from gateway.endpoints.replies import error_reply, header_safe
from gateway.endpoints.routes import Route, check_routes
from gateway.endpoints.table import ROUTES
from gateway.errors import (
    AuthenticationFailed,
    ConfigError,
    RateLimited,
    UpstreamFailed,
    UpstreamRateLimited,
)
from gateway.types.account import Need


async def answer(*_: Any) -> None:
    return None


def test_a_route_without_a_need_does_not_start() -> None:
    bare = Route("GET", "/x", None, answer)  # type: ignore[arg-type]  # what the check is for
    with pytest.raises(ConfigError, match="declares no need"):
        check_routes([bare])


def test_a_route_declared_twice_does_not_start() -> None:
    route = Route("GET", "/x", Need.OPEN, answer)
    with pytest.raises(ConfigError, match="twice"):
        check_routes([route, route])


def test_our_own_table_is_sound_and_only_health_and_receipts_are_open() -> None:
    check_routes(ROUTES)
    assert {route.path for route in ROUTES if route.need is Need.OPEN} == {
        "/healthz",
        "/readyz",
        "/v1/receipts/verify",
    }
    admin = [route for route in ROUTES if route.path.startswith("/admin/")]
    assert admin
    assert all(route.need is Need.ADMIN for route in admin)


def test_a_named_wait_lets_sdks_retry_and_anything_else_does_not() -> None:
    waiting = error_reply(RateLimited("Slow down.", retry_after_s=1.2)).headers
    assert waiting["retry-after"] == "2"
    assert "x-should-retry" not in waiting
    for error in (UpstreamFailed("Broken."), UpstreamRateLimited("Busy.")):
        assert error_reply(error).headers["x-should-retry"] == "false"
    assert "x-should-retry" not in error_reply(AuthenticationFailed()).headers


def test_a_header_value_is_printable_ascii() -> None:
    assert header_safe("gpt-4o\r\nx: y\u00e9") == "gpt-4o??x: y?"


def test_an_exception_is_logged_as_types_and_places_without_its_text() -> None:
    secret = "sk-very-secret"
    try:
        try:
            raise ValueError(f"Illegal header value {secret}")
        except ValueError as error:
            raise RuntimeError(secret) from error
    except RuntimeError as error:
        described = describe_exception(error)
        record = logging.LogRecord(
            "gateway.edge", logging.ERROR, __file__, 1, "unexpected", (), (type(error), error, None)
        )
    assert [line.split(" ")[0] for line in described] == ["RuntimeError", "ValueError"]
    line = JsonFormatter().format(record)
    assert secret not in line
    assert json.loads(line)["message"] == "unexpected"
