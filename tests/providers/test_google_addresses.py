"""Google: where requests go, and with what credentials."""

import pytest

from gateway.errors import InvalidRequest
from gateway.providers.google import GeminiProvider, VertexProvider
from gateway.types.secret import Secret
from gateway.types.upstream import Credential, UpstreamRequest
from tests.providers.google_scene import GEMINI, VERTEX, on_vertex, request, target

HOST = "https://generativelanguage.googleapis.com"
PLACE = "projects/p-123456/locations"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("models/gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("gemini/gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
    ],
)
def test_the_developer_apis_address_names_the_model(model: str, path: str) -> None:
    assert request({}, target(model)).url == f"{HOST}/v1beta/{path}:generateContent"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("", f"{HOST}/v1beta/models/m:generateContent"),
        (HOST, f"{HOST}/v1beta/models/m:generateContent"),
        (f"{HOST}/v1", f"{HOST}/v1/models/m:generateContent"),
        (
            "http://localhost:8090/gemini",
            "http://localhost:8090/gemini/v1beta/models/m:generateContent",
        ),
    ],
)
def test_another_base_is_completed(base: str, url: str) -> None:
    assert request({}, target("m", base)).url == url


BAD = [
    "",
    "../../v1/files",
    "a/b",
    "a?key=x",
    "a:predict#",
    "a b",
    "models/",
    "é",
    "publishers/meta/models/llama",
]


@pytest.mark.parametrize("model", [*BAD, "x" * 200, "a%2fb"])
def test_what_is_no_models_name_is_refused(model: str) -> None:
    for to in (target(model), on_vertex(model)):
        with pytest.raises(InvalidRequest) as refused:
            request({}, to)
        assert refused.value.param == "model"


@pytest.mark.parametrize(
    ("region", "host", "place"),
    [
        ("us-central1", "us-central1-aiplatform.googleapis.com", "us-central1"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com", "europe-west4"),
        ("global", "aiplatform.googleapis.com", "global"),
        (None, "aiplatform.googleapis.com", "global"),
        ("us", "aiplatform.us.rep.googleapis.com", "us"),
        ("eu", "aiplatform.eu.rep.googleapis.com", "eu"),
    ],
)
def test_vertexs_host_follows_the_region(region: str | None, host: str, place: str) -> None:
    assert request({}, on_vertex(region=region)).url == (
        f"https://{host}/v1beta1/{PLACE}/{place}/publishers/google/models/gemini-2.5-flash"
        ":generateContent"
    )


def test_without_a_project_the_address_is_that_of_express_mode() -> None:
    assert request({"stream": True}, on_vertex(project=None)).url == (
        "https://aiplatform.googleapis.com/v1beta1/publishers/google/models/gemini-2.5-flash"
        ":streamGenerateContent?alt=sse"
    )


def test_another_base_of_vertex_stays_where_it_is() -> None:
    elsewhere = on_vertex(base_url="http://localhost:8090/vertex")
    assert request({}, elsewhere).url == (
        f"http://localhost:8090/vertex/v1beta1/{PLACE}/us-central1/publishers/google/models"
        "/gemini-2.5-flash:generateContent"
    )
    versioned = on_vertex(base_url="https://aiplatform.googleapis.com/v1")
    host = "https://us-central1-aiplatform.googleapis.com"
    assert request({}, versioned).url.startswith(f"{host}/v1/{PLACE}")


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("google/gemini-2.5-pro", "publishers/google/models/gemini-2.5-pro"),
        ("publishers/google/models/gemini-2.5-pro", "publishers/google/models/gemini-2.5-pro"),
        ("1234567890", "endpoints/1234567890"),
        ("endpoints/1234567890", "endpoints/1234567890"),
    ],
)
def test_vertexs_models_may_be_named_whole_or_by_their_endpoint(model: str, path: str) -> None:
    url = request({}, on_vertex(model)).url

    assert url.split("/locations/us-central1/")[1] == f"{path}:generateContent"


def test_an_endpoint_needs_a_project() -> None:
    with pytest.raises(InvalidRequest):
        request({}, on_vertex("1234567890", project=None))


@pytest.mark.parametrize(
    ("region", "project"),
    [("evil.test/", "p-123456"), ("us central1", "p-123456"), ("us", "a/b"), ("us", "P?x")],
)
def test_settings_that_would_change_the_address_are_refused(region: str, project: str) -> None:
    with pytest.raises(InvalidRequest):
        request({}, on_vertex(region=region, project=project))


def authorized(
    provider: GeminiProvider | VertexProvider, secret: str | None
) -> tuple[tuple[str, str], ...]:
    credential = None if secret is None else Credential(Secret(secret))
    bare = UpstreamRequest("POST", "https://x.test", (), b"")
    return provider.authorize(bare, credential, 0.0).headers


def test_keys_go_into_headers_and_never_into_the_address() -> None:
    assert authorized(GEMINI, "AIzaX") == (("x-goog-api-key", "AIzaX"),)
    assert authorized(VERTEX, "ya29.token") == (("authorization", "Bearer ya29.token"),)
    assert authorized(VERTEX, "AIzaX") == (("x-goog-api-key", "AIzaX"),)
    assert authorized(VERTEX, "AQ.Ab8") == (("x-goog-api-key", "AQ.Ab8"),)
    assert authorized(GEMINI, None) == authorized(VERTEX, None) == ()


def test_probes_cost_nothing() -> None:
    listing = GEMINI.build_probe(target())
    assert (listing.method, listing.url) == ("GET", f"{HOST}/v1beta/models?pageSize=1")

    counting = VERTEX.build_probe(on_vertex())
    assert counting.url.endswith("/models/gemini-2.5-flash:countTokens")
    assert counting.body == b'{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}'

    nameless = VERTEX.build_probe(on_vertex(""))
    assert nameless.url.endswith("googleapis.com/v1beta1/publishers/google/models?pageSize=1")

    claude = VERTEX.build_probe(on_vertex("claude-sonnet-4-5@20250929"))
    assert claude.url.endswith("/publishers/anthropic/models/count-tokens:rawPredict")
    assert b'"model":"claude-sonnet-4-5@20250929"' in claude.body
