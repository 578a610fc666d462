"""Something of everything that a gateway meets, so that no panel has a reason to be empty."""

import os
import signal
import threading

import openai

from tests.journeys.running import GatewayUser, RunningGateway
from tests.waiting import wait_until

CALLED = "gpt-4o-mini"
HEALTHY = "healthy.txt"
_LONG = "sandbox-long-500+slow-50"  # 25 seconds, if nobody ends it


def send_well(gateway: RunningGateway) -> None:
    """Send what a first look at the gateway is likely to send: nothing that goes wrong."""
    user = gateway.new_user("openai")
    send_context(user)
    assert user.chat(CALLED, stream=True).status_code == 200


def send_traffic(gateway: RunningGateway) -> None:
    """Send one of everything: answers, errors, fallbacks, context, keys, a reload, an erasure."""
    send_more(gateway)
    end_rights(gateway)
    pause_store(gateway)
    reload(gateway)


def send_more(gateway: RunningGateway) -> None:
    """Send what requests are about, so that a second round makes rates of the first."""
    user = gateway.new_user("openai")
    user.put_key("anthropic", "sk-ant-fallback")
    send_answers(user)
    send_failures(gateway, user)
    send_context(user)


def send_answers(user: GatewayUser) -> None:
    """Whole and streamed answers: priced, unpriced, without usage, and long enough for gaps."""
    for model in (CALLED, "sandbox-echo", "sandbox-reasoning", "sandbox-echo+no-usage"):
        assert user.chat(model).status_code == 200
        assert user.chat(model, stream=True).status_code == 200
    assert user.chat("sandbox-long-20+slow-20", stream=True).status_code == 200
    cached = "The same long beginning. " * 400
    for _ in range(2):
        assert user.chat(CALLED, cached).status_code == 200
    body = {"model": "text-embedding-3-small", "input": ["one", "two"]}
    assert user.call("POST", "/v1/embeddings", body).is_success


def send_failures(gateway: RunningGateway, user: GatewayUser) -> None:
    """Failed attempts, those that a retry or a fallback mends, and those that are passed on."""
    for model in ("sandbox-500", "sandbox-429-no-wait", "sandbox-quota", "sandbox-400"):
        assert user.chat(model).status_code >= 400
    assert user.chat("sandbox-500-once").status_code == 200
    assert user.chat("sandbox-cut-6", stream=True).status_code == 200
    user.prefer(fallbacks=["anthropic/claude-sonnet-4-5"])
    assert user.chat("sandbox-quota").status_code == 200
    user.prefer(fallbacks=[])
    refused = gateway.new_user("openai", secret="bad-key")
    assert refused.chat(CALLED).status_code == 403
    assert user.chat("gemini/gemini-2.5-flash").status_code == 403  # no key for it
    limited = gateway.new_user("openai")
    gateway.admin("PUT", f"/users/{limited.id}/limits", {"requests_per_minute": 1})
    wait_until(lambda: limited.chat(CALLED).status_code == 429)
    assert gateway.call("POST", "/v1/chat/completions", None, {}).status_code == 401
    assert gateway.call("GET", "/v1/nonsense", None).status_code == 404


def send_context(user: GatewayUser) -> None:
    """Personal context, written and sent along."""
    profile = {"name": "Somebody", "timezone": "Asia/Tokyo"}
    assert user.call("PUT", "/v1/me/context/profile", profile).is_success
    assert user.chat(CALLED).status_code == 200
    assert user.call("GET", "/v1/me/context/profile").is_success


def end_rights(gateway: RunningGateway) -> None:
    """A token that is revoked during a stream, a data key that is replaced, a user who is erased."""
    leaving = gateway.new_user("openai")
    [token] = leaving.call("GET", "/v1/me/tokens").json()["data"]
    begun = threading.Event()
    reader = threading.Thread(target=_read_until_ended, args=(leaving, begun))
    reader.start()
    assert begun.wait(15)
    gateway.admin("DELETE", f"/users/{leaving.id}/tokens/{token['id']}")
    reader.join(15)
    assert not reader.is_alive()
    gateway.admin("POST", f"/users/{leaving.id}/rotate-dek")
    gateway.admin("DELETE", f"/users/{leaving.id}")


def _read_until_ended(user: GatewayUser, begun: threading.Event) -> None:
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [
        {"role": "user", "content": "Hi"}
    ]
    with user.openai(max_retries=0) as client:
        try:
            for _ in client.chat.completions.create(model=_LONG, messages=messages, stream=True):
                begun.set()
        except openai.APIError:
            return


def pause_store(gateway: RunningGateway) -> None:
    """A store that does not answer for a moment: the one fault here that is the gateway's own."""

    def status() -> int:
        return gateway.call("GET", "/admin/v1/users", gateway.admin_token).status_code

    store = int((gateway.home / "data" / "store" / "server.lock").read_text())
    os.kill(store, signal.SIGSTOP)
    try:
        wait_until(lambda: status() == 503)
    finally:
        os.kill(store, signal.SIGCONT)
    wait_until(lambda: all(status() == 200 for _ in range(12)))  # of both workers


def reload(gateway: RunningGateway) -> None:
    """One configuration that is taken and one that is refused; the last that stands is good."""
    path = gateway.home / "gateway.yaml"
    good = path.read_text(encoding="utf-8")
    taken, refused = gateway.log.count('"reloaded"'), gateway.log.count("reload refused")
    path.write_text(good + "nonsense: 1\n", encoding="utf-8")
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: gateway.log.count("reload refused") >= refused + 2)
    path.write_text(good, encoding="utf-8")
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: gateway.log.count('"reloaded"') >= taken + 2)
