import pytest

from gateway.errors import InvalidRequest
from gateway.providers.azure.place import CHAT, EMBEDDINGS, place_of
from tests.providers.azure_scene import PROVIDER, target

RESOURCE = "https://res.openai.azure.com"


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, f"{RESOURCE}/openai/v1/chat/completions"),
        ({"api_version": "v1"}, f"{RESOURCE}/openai/v1/chat/completions"),
        (
            {"api_version": "preview"},
            f"{RESOURCE}/openai/v1/chat/completions?api-version=preview",
        ),
        (
            {"api_version": "2024-10-21"},
            f"{RESOURCE}/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        ),
        (
            {"api_version": "2025-01-01-preview", "azure_deployment": "my.dep_1"},
            f"{RESOURCE}/openai/deployments/my.dep_1/chat/completions"
            "?api-version=2025-01-01-preview",
        ),
    ],
)
def test_the_version_decides_between_the_two_families(settings: dict[str, str], url: str) -> None:
    assert PROVIDER.chat_url(target(settings={"azure_resource": "res", **settings})) == url


DEPLOYMENT = "/openai/deployments/dep"
DATED = "api-version=2024-06-01"


@pytest.mark.parametrize(
    ("base_url", "chat"),
    [
        ("https://h", "https://h/openai/v1/chat/completions"),
        ("https://h/", "https://h/openai/v1/chat/completions"),
        ("https://h/openai", "https://h/openai/v1/chat/completions"),
        ("https://h/openai/v1", "https://h/openai/v1/chat/completions"),
        ("https://h/openai/v1/", "https://h/openai/v1/chat/completions"),
        ("https://h/openai/v1/chat/completions", "https://h/openai/v1/chat/completions"),
        ("https://h/proxy/azure", "https://h/proxy/azure/openai/v1/chat/completions"),
        (
            f"https://h{DEPLOYMENT}",
            f"https://h{DEPLOYMENT}/chat/completions?api-version=2024-10-21",
        ),
        (f"https://h{DEPLOYMENT}?{DATED}", f"https://h{DEPLOYMENT}/chat/completions?{DATED}"),
        (
            f"https://h/{DEPLOYMENT}/chat/completions?{DATED}",
            f"https://h{DEPLOYMENT}/chat/completions?{DATED}",
        ),
        (
            f"https://h{DEPLOYMENT}/embeddings?{DATED}&k=1",
            f"https://h{DEPLOYMENT}/chat/completions?k=1&{DATED}",
        ),
        (
            "https://h.services.ai.azure.com/models",
            "https://h.services.ai.azure.com/models/chat/completions"
            "?api-version=2024-05-01-preview",
        ),
        (
            "https://apim.example/ai/chat/completions?k=1",
            "https://apim.example/ai/chat/completions?k=1",
        ),
        ("https://h/chat/completions", "https://h/chat/completions"),
    ],
)
def test_a_pasted_address_is_completed(base_url: str, chat: str) -> None:
    place = place_of(target(base_url, {}))
    assert place.url(CHAT) == chat
    assert place.url(EMBEDDINGS) == chat.replace("chat/completions", "embeddings")


def test_a_dated_version_turns_a_v1_root_into_a_deployment() -> None:
    dated = target("https://h/openai/v1", {"api_version": "2024-10-21"})
    assert place_of(dated).url(CHAT) == (
        "https://h/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    )


def test_a_whole_v1_address_stays_v1_whatever_the_version() -> None:
    dated = target("https://h/openai/v1/chat/completions", {"api_version": "2024-10-21"})
    assert place_of(dated).url(CHAT) == "https://h/openai/v1/chat/completions"
    assert place_of(dated).dated is None


def test_the_operators_address_wins_over_the_resource() -> None:
    both = target("http://127.0.0.1:9/azure", {"azure_resource": "res"})
    assert place_of(both).url(CHAT) == "http://127.0.0.1:9/azure/openai/v1/chat/completions"


def test_the_address_names_the_deployment_before_the_settings_and_those_before_the_model() -> None:
    settings = {"azure_deployment": "set"}
    assert place_of(target(f"https://h{DEPLOYMENT}", settings)).deployment == "dep"
    assert place_of(target("https://h", settings)).deployment == "set"
    assert place_of(target("https://h", {})).deployment == "gpt-4o"


def test_a_deployments_name_cannot_leave_its_place_in_the_path() -> None:
    odd = target("https://h", {"api_version": "2024-10-21"}, model="a/../b?x=1#y")
    assert place_of(odd).url(CHAT) == (
        "https://h/openai/deployments/a%2F..%2Fb%3Fx%3D1%23y/chat/completions"
        "?api-version=2024-10-21"
    )


@pytest.mark.parametrize("model", ["", ".", ".."])
def test_what_cannot_be_a_deployment_is_refused(model: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        place_of(target("https://h", {}, model=model))
    assert refused.value.param == "model"


def test_no_resource_at_all_is_refused_with_the_cure() -> None:
    with pytest.raises(InvalidRequest, match="azure_resource"):
        place_of(target("", {}))


@pytest.mark.parametrize(
    ("base_url", "version"),
    [
        ("https://h", None),
        (f"https://h{DEPLOYMENT}?{DATED}", "2024-06-01"),
        (f"https://h{DEPLOYMENT}?api-version=latest", "2024-10-21"),
        ("https://h/models", None),
        ("https://apim.example/chat/completions?api-version=2023-05-15", "2023-05-15"),
        ("https://apim.example/chat/completions?api-version=latest", None),
        ("https://apim.example/chat/completions", None),
    ],
)
def test_only_openais_own_dated_versions_count(base_url: str, version: str | None) -> None:
    assert place_of(target(base_url, {})).dated == version


@pytest.mark.parametrize(
    ("base_url", "method", "url"),
    [
        ("https://h", "GET", "https://h/openai/v1/models"),
        (f"https://h{DEPLOYMENT}?{DATED}", "GET", f"https://h/openai/models?{DATED}"),
        (
            "https://h/models",
            "POST",
            "https://h/models/chat/completions?api-version=2024-05-01-preview",
        ),
        ("https://apim.example/chat/completions", "POST", "https://apim.example/chat/completions"),
    ],
)
def test_the_probe_is_the_cheapest_call_the_address_has(
    base_url: str, method: str, url: str
) -> None:
    probe = PROVIDER.build_probe(target(base_url, {}))
    assert (probe.method, probe.url) == (method, url)
    assert bool(probe.body) == (method == "POST")
