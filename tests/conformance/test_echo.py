"""What is sent comes back: every provider against the sandbox, which reads the vendors' documents
on its own, streamed and whole."""

import unicodedata
from collections.abc import Iterator

import httpx
import orjson
import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from gateway.providers.matrix import columns, sample_target
from gateway.providers.registry import PROVIDERS
from gateway.sandbox.server import RunningSandbox, start_sandbox
from gateway.types.secret import Secret
from gateway.types.upstream import Credential, ReplyHead
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter

BASES = {
    "openai": "/openai/v1",
    "openai_compatible": "/openai/v1",
    "mistral": "/mistral/v1",
}
NOW = 1_700_000_000.0
KEY = Credential(Secret("sk-test"))
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), min_size=1
).filter(lambda text: text == text.strip() and unicodedata.normalize("NFC", text) == text)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with start_sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=30) as made:
        yield made


@pytest.mark.parametrize("name", columns())
def test_the_echo_equals_what_was_sent(
    name: str, sandbox: RunningSandbox, client: httpx.Client
) -> None:
    @settings(max_examples=25, deadline=None)
    @given(TEXTS, st.booleans())
    def echoes(text: str, stream: bool) -> None:
        assert f"Echo: {text}" in ask(name, text, sandbox, client, stream=stream)

    echoes()


def ask(
    name: str, text: str, sandbox: RunningSandbox, client: httpx.Client, *, stream: bool
) -> str:
    """Send one question as a provider does, and return the answer's text."""
    provider = PROVIDERS[name]
    base = sandbox.url + BASES.get(name, f"/{name}")
    target = replace(sample_target(name), base_url=base, model="sandbox-echo")
    target = replace(target, settings={**target.settings, "azure_deployment": "sandbox-echo"})
    chat = read_chat({"messages": [{"role": "user", "content": text}], "stream": stream})
    request = provider.authorize(provider.build_chat(chat, target), KEY, NOW)
    response = client.request(
        request.method, request.url, headers=dict(request.headers), content=request.body
    )
    assert response.status_code == 200, response.text
    head = ReplyHead(200, {key.lower(): value for key, value in response.headers.items()})
    whole = replace(chat, stream=False)  # a stream is taken apart, too, to be put together
    parser = provider.open_reply(whole, target, head)
    writer = CompletionWriter(whole, id="x", created=1, model="m")
    for event in (*parser.feed(response.content), *parser.finish()):
        writer.add(event)
    return str(orjson.loads(writer.body())["choices"][0]["message"]["content"])
