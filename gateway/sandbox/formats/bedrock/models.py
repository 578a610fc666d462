"""The models Bedrock's control plane lists here, and the profiles that run them in several regions."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

from gateway.sandbox.formats.bedrock.families import family_behind, needs_profile
from gateway.sandbox.formats.bedrock.invoke import EMBEDDERS
from gateway.sandbox.scenes import PREFIX, SCENES

_CHATTERS = (
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic.claude-haiku-4-5-20251001-v1:0",
    "anthropic.claude-sonnet-4-6",
    "anthropic.claude-sonnet-5",
    "anthropic.claude-3-haiku-20240307-v1:0",
    "amazon.nova-micro-v1:0",
    "amazon.nova-lite-v1:0",
    "amazon.nova-pro-v1:0",
    "amazon.nova-2-lite-v1:0",
    "openai.gpt-oss-120b-1:0",
    "meta.llama3-1-70b-instruct-v1:0",
    "mistral.mistral-large-2402-v1:0",
)
_PROVIDERS = {
    "anthropic": "Anthropic",
    "amazon": "Amazon",
    "openai": "OpenAI",
    "meta": "Meta",
    "mistral": "Mistral AI",
    "cohere": "Cohere",
}
_ACCOUNT = "000000000000"


def list_models(query: str, region: str) -> dict[str, Any]:
    """Return the list of foundation models; the API's filters narrow it."""
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    rows = [row for row in _rows(region) if _fits(row, asked)]
    return {"modelSummaries": rows}


def describe(model: str, region: str) -> dict[str, Any] | None:
    """Return the row of one model, None where there is none."""
    return next((row for row in _rows(region) if row["modelId"] == model), None)


def list_profiles(region: str) -> dict[str, Any]:
    """Return the inference profiles: one for each model that needs one."""
    home = region.partition("-")[0]
    rows = [
        {
            "inferenceProfileId": f"{home}.{name}",
            "inferenceProfileArn": f"arn:aws:bedrock:{region}:{_ACCOUNT}:inference-profile/{home}.{name}",
            "inferenceProfileName": f"{home.upper()} {_title(name)}",
            "description": "A simulated profile.",
            "models": [{"modelArn": _arn(name, region)}],
            "status": "ACTIVE",
            "type": "SYSTEM_DEFINED",
            "createdAt": "2025-09-29T00:00:00Z",
            "updatedAt": "2025-09-29T00:00:00Z",
        }
        for name in _CHATTERS
        if needs_profile(name)
    ]
    return {"inferenceProfileSummaries": rows}


def _rows(region: str) -> Iterator[dict[str, Any]]:
    scenes = [f"{PREFIX}{name}" for name in SCENES if "<" not in name]
    for name in (*scenes, *_CHATTERS):
        yield _row(
            name, region, "TEXT", ["TEXT", *(["IMAGE"] if family_behind(name).images else [])]
        )
    for name in EMBEDDERS:
        yield _row(name, region, "EMBEDDING", ["TEXT"])


def _row(name: str, region: str, output: str, inputs: list[str]) -> dict[str, Any]:
    return {
        "modelArn": _arn(name, region),
        "modelId": name,
        "modelName": _title(name),
        "providerName": _PROVIDERS.get(name.partition(".")[0], "Sandbox"),
        "inputModalities": inputs,
        "outputModalities": [output],
        "responseStreamingSupported": output == "TEXT",
        "customizationsSupported": [],
        "inferenceTypesSupported": ["INFERENCE_PROFILE" if needs_profile(name) else "ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def _arn(name: str, region: str) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{name}"


def _title(name: str) -> str:
    return name.partition(":")[0].rpartition(".")[2].replace("-", " ").title()


def _fits(row: dict[str, Any], asked: dict[str, str]) -> bool:
    lists = {
        "byOutputModality": row["outputModalities"],
        "byInferenceType": row["inferenceTypesSupported"],
        "byCustomizationType": row["customizationsSupported"],
        "byProvider": [row["providerName"]],
    }
    return all(asked[name] in found for name, found in lists.items() if name in asked)
