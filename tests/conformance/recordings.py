"""Reads recorded exchanges with real providers from the folder GATEWAY_RECORDED_DIR names."""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its reply; `body` is the reply's bytes as they came."""

    id: str
    provider: str
    api: str
    url: str
    stream: bool
    features: tuple[str, ...]
    request: dict[str, Any]
    request_headers: dict[str, str]
    status: int
    headers: dict[str, str]
    body: bytes


def _body(line: dict[str, Any]) -> bytes:
    if "response_json" in line:
        return json.dumps(line["response_json"], ensure_ascii=False).encode()
    for name in ("response_sse", "response_ndjson", "response_text"):
        if name in line:
            return str(line[name]).encode()
    return base64.b64decode(line.get("response_b64", ""))


def recorded_dir() -> Path | None:
    """Return the folder of recordings, None where it is not named or absent."""
    name = os.environ.get("GATEWAY_RECORDED_DIR")
    path = Path(name) if name else None
    return path if path is not None and path.is_dir() else None


def _read(path: Path) -> Iterator[Exchange]:
    with path.open(encoding="utf-8") as lines:
        for text in lines:
            line = json.loads(text)
            request = line.get("request")
            yield Exchange(
                id=line["id"],
                provider=line["provider"],
                api=line["api"],
                url=line["url"],
                stream=bool(line["stream"]),
                features=tuple(line.get("features", ())),
                request=request if isinstance(request, dict) else {},
                request_headers={k.lower(): v for k, v in line["request_headers"].items()},
                status=line["status"],
                headers={k.lower(): v for k, v in line["response_headers"].items()},
                body=_body(line),
            )


@cache
def load(api: str) -> tuple[Exchange, ...]:
    """Return every recorded exchange of an API ("chat", "messages", …) over all provider files."""
    folder = recorded_dir()
    if folder is None:
        return ()
    found = [e for path in sorted(folder.glob("*.jsonl")) for e in _read(path) if e.api == api]
    return tuple(found)


def require(api: str) -> tuple[Exchange, ...]:
    """Return the exchanges of an API, or skip the calling test with the reason."""
    exchanges = load(api)
    if not exchanges:
        pytest.skip("no recordings: GATEWAY_RECORDED_DIR names no folder that holds any")
    return exchanges
