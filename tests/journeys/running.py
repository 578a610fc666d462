"""A real gateway process for the journeys: started by its command line, used over its socket."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai

from tests.canary import CANARIES

START_LIMIT_S = 60
CONFIG = """\
drain: {{notice_s: 0, limit_s: 5}}
retries: {{backoff_base_s: 0.02, backoff_cap_s: 0.1}}
timeouts: {{first_token_s: 3, gap_s: 3, total_s: 30}}
providers:
  openai: {{base_url: "{origin}/openai/v1"}}
  anthropic: {{base_url: "{origin}/anthropic"}}
  azure: {{base_url: "{origin}/azure"}}
  gemini: {{base_url: "{origin}/gemini"}}
  vertex: {{base_url: "{origin}/vertex"}}
  bedrock: {{base_url: "{origin}/bedrock"}}
  cohere: {{base_url: "{origin}/cohere"}}
  mistral: {{base_url: "{origin}/mistral/v1"}}
  groq: {{type: openai, base_url: "{origin}/openai/v1", default_model: sandbox-echo}}
{more}
"""


@dataclass
class RunningGateway:
    """A gateway that serves; `home` holds its config, data and log."""

    home: Path
    process: "subprocess.Popen[bytes]"
    url: str
    admin_token: str = field(repr=False)

    @property
    def log(self) -> str:
        """Everything it has written to standard error."""
        return (self.home / "gateway.log").read_text(encoding="utf-8")

    def call(
        self, method: str, path: str, token: str | None, body: Any = None, **options: Any
    ) -> httpx.Response:
        """Make one request and keep what came back, for the canary scan."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False) as client:
            response = client.request(method, path, json=body, headers=headers, **options)
        if response.status_code >= 400 or path == "/metrics":
            with (self.home / "replies.txt").open("ab") as kept:
                kept.write(response.content + b"\n")
        return response

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Call the admin API and return the answer, which must be a success."""
        response = self.call(method, f"/admin/v1{path}", self.admin_token, body)
        assert response.is_success, response.text
        return response.json()

    def new_user(
        self,
        provider: str,
        *,
        settings: dict[str, str] | None = None,
        secret: Any = None,
        **preferences: Any,
    ) -> "GatewayUser":
        """Make a user who prefers a provider and has a key for it."""
        record = self.admin("POST", "/users", {})
        minted = self.admin(
            "POST",
            f"/users/{record['id']}/tokens",
            {"name": "test", "allows": ["chat", "context:write", "context:read", "account"]},
        )
        user = GatewayUser(self, record["id"], CANARIES.watch(minted["token"]))
        user.put_key(provider, secret or CANARIES.mint("sk-test-"), settings=settings or {})
        user.prefer(provider=provider, **preferences)
        return user


@dataclass
class GatewayUser:
    """A user of the gateway, with a token that may do everything a user may."""

    gateway: RunningGateway
    id: str
    token: str = field(repr=False)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Make a request as this user."""
        return self.gateway.call(method, path, self.token, body, **options)

    def chat(self, model: str, text: str = "Hello", **members: Any) -> httpx.Response:
        """Ask one question, plainly."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], **members}
        return self.call("POST", "/v1/chat/completions", body)

    def put_key(self, name: str, secret: Any, **members: Any) -> None:
        """Save a provider key."""
        response = self.call("PUT", f"/v1/me/providers/{name}", {"secret": secret, **members})
        assert response.is_success, response.text

    def prefer(self, **preferences: Any) -> None:
        """Change preferences."""
        response = self.call("PATCH", "/v1/me", {"preferences": preferences})
        assert response.is_success, response.text

    def rows(self, request_id: str) -> list[dict[str, Any]]:
        """Return the ledger rows of a request."""
        response = self.call("GET", f"/v1/me/usage?request_id={request_id}")
        assert response.is_success, response.text
        rows: list[dict[str, Any]] = response.json()["data"]
        return rows

    @contextmanager
    def openai(self, **options: Any) -> Iterator[openai.OpenAI]:
        """Yield the official client, pointed at the gateway."""
        with openai.OpenAI(
            base_url=f"{self.gateway.url}/v1", api_key=self.token, timeout=30, **options
        ) as client:
            yield client


def send_raw(url: str, head: str) -> httpx.Response:
    """Send a request head byte for byte as it is written, and return the answer.

    For what no client library lets through: odd paths, headers that promise what does not come.
    """
    place = httpx.URL(url)
    lines = head.replace("\n", "\r\n").encode() + b"\r\nconnection: close\r\n\r\n"
    with socket.create_connection((place.host, place.port or 80), timeout=10) as connection:
        connection.sendall(lines)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our environment without what would change a gateway's behaviour."""
    return {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")} | dict(extra or {})


def run_command(
    home: Path,
    *arguments: str,
    secret: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run `gateway …` on a gateway's data and return what it printed; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments, *_places(home)],
        capture_output=True,
        check=False,
        timeout=START_LIMIT_S,
        input=(secret or "").encode(),
        env=environment(variables),
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@contextmanager
def start_gateway(
    home: Path,
    origin: str,
    *,
    workers: int = 1,
    more: str = "",
    variables: Mapping[str, str] | None = None,
) -> Iterator[RunningGateway]:
    """Run `gateway serve` in `home` until the end of the `with`; its data stays."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / "gateway.yaml"
    config.write_text(CONFIG.format(origin=origin, more=more), encoding="utf-8")
    log_path = home / "gateway.log"
    with log_path.open("ab") as log:
        before = log.tell()
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gateway",
                "serve",
                *_places(home),
                "--port",
                "0",
                "--workers",
                str(workers),
            ],
            stderr=log,
            env=environment(variables),
        )
    try:
        url = _wait_until_serving(log_path, before, process)
        token = CANARIES.watch(
            run_command(home, "token", "add", "--admin", "--name", "journeys", variables=variables)
        )
        yield RunningGateway(home, process, url, token)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=START_LIMIT_S)


def _places(home: Path) -> list[str]:
    return ["--config", str(home / "gateway.yaml"), "--data-dir", str(home / "data")]


def _wait_until_serving(log_path: Path, before: int, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        lines = log_path.read_bytes()[before:].decode().splitlines()
        for line in lines:
            message = json.loads(line).get("message", "") if line.startswith("{") else ""
            if message.startswith("serving on "):
                return f"http://{message.removeprefix('serving on ')}"
        assert process.poll() is None, "\n".join(lines)
        time.sleep(0.02)
    raise AssertionError("the gateway did not start in time")
