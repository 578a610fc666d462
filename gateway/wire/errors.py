"""Writes errors in OpenAI's shape."""

import orjson

from gateway.errors import GatewayError


def error_body(error: GatewayError) -> bytes:
    """Return the JSON body of an error: `{"error": {"message", "type", "code", "param", …}}`.

    Members of `error.extra` stand beside the four; they never replace one of them.
    """
    members: dict[str, object] = {
        "message": error.message,
        "type": error.type,
        "code": error.code,
        "param": error.param,
    }
    return orjson.dumps({"error": {**(error.extra or {}), **members}})
