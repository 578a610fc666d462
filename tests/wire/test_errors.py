"""Errors in OpenAI's shape."""

import orjson

from gateway.errors import InvalidRequest, UpstreamFailed
from gateway.wire.errors import error_body


def test_the_four_members_are_always_there() -> None:
    assert orjson.loads(error_body(UpstreamFailed("broken"))) == {
        "error": {
            "message": "broken",
            "type": "api_error",
            "code": "upstream_error",
            "param": None,
        }
    }


def test_further_members_stand_beside_the_four_and_never_replace_one() -> None:
    error = InvalidRequest(
        "no", param="n", code="c", extra={"innererror": {"code": "x"}, "message": "forged"}
    )

    assert orjson.loads(error_body(error))["error"] == {
        "message": "no",
        "type": "invalid_request_error",
        "code": "c",
        "param": "n",
        "innererror": {"code": "x"},
    }
