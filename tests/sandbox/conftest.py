"""One sandbox for the run, in a thread; each test talks to it with a key of its own."""

import secrets
import ssl
from collections.abc import Iterator

import httpx
import openai
import pytest

from gateway.sandbox.server import RunningSandbox, start_sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    """A running sandbox."""
    with start_sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def no_tls() -> ssl.SSLContext:
    """An empty context: loading the world's certificates for every client takes longer than a test."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture
def key() -> str:
    """An API key nobody else uses: its own caches and turns."""
    return f"sk-{secrets.token_hex(12)}"


@pytest.fixture
def http(sandbox: RunningSandbox, key: str, no_tls: ssl.SSLContext) -> Iterator[httpx.Client]:
    """A client with the headers both vendors want, and an id for the books."""
    headers = {
        "authorization": f"Bearer {key}",
        "anthropic-version": "2023-06-01",
        "x-client-request-id": f"test-{secrets.token_hex(6)}",
    }
    with httpx.Client(base_url=sandbox.url, headers=headers, timeout=20, verify=no_tls) as client:
        yield client


@pytest.fixture
def gemini(http: httpx.Client, key: str) -> httpx.Client:
    """The client with the key where Gemini's own API wants it."""
    del http.headers["authorization"]
    http.headers["x-goog-api-key"] = key
    return http


@pytest.fixture
def azure(http: httpx.Client, key: str) -> httpx.Client:
    """The client with the key where Azure wants it."""
    del http.headers["authorization"]
    http.headers["api-key"] = key
    return http


@pytest.fixture
def sdk(sandbox: RunningSandbox, key: str, no_tls: ssl.SSLContext) -> Iterator[openai.OpenAI]:
    """The official client, pointed at the sandbox, without retries of its own."""
    with openai.OpenAI(
        base_url=f"{sandbox.url}/openai/v1",
        api_key=key,
        max_retries=0,
        http_client=openai.DefaultHttpxClient(verify=no_tls, timeout=20),
    ) as client:
        yield client
