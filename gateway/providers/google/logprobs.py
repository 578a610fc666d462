"""Log probabilities in OpenAI's shape."""

from typing import Any

from gateway.providers.anthropic.lenient import as_list, as_object, as_text
from gateway.types.json import JsonObject


def read_logprobs(result: JsonObject) -> dict[str, Any] | None:
    """Return `choices[].logprobs` of a `logprobsResult`, None where it holds nothing."""
    chosen = as_list(result.get("chosenCandidates"))
    tops = as_list(result.get("topCandidates"))
    content = []
    for place, candidate in enumerate(map(as_object, chosen)):
        rivals = as_object(tops[place]) if place < len(tops) else {}
        told = [_token(as_object(rival)) for rival in as_list(rivals.get("candidates"))]
        content.append({**_token(candidate), "top_logprobs": told})
    return {"content": content, "refusal": None} if content else None


def _token(candidate: JsonObject) -> dict[str, Any]:
    token, logprob = as_text(candidate.get("token")), candidate.get("logProbability")
    return {
        "token": token,
        "logprob": logprob if isinstance(logprob, float) else 0.0,
        "bytes": list(token.encode("utf-8", "replace")),
    }
