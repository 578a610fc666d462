"""Measures the factors of `gateway/context/factors.py` on recorded exchanges.

`GATEWAY_RECORDED_DIR=… python -m tests.bench.token_factors`. Prompts are compared in pairs, so that
what a provider adds to every prompt (a preamble, a chat template) falls out; per message four tokens
are allowed. Prompts that say one thing over and over are left out: they favour one tokenizer.
"""

import itertools
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from bpe_openai import get_encoding  # type: ignore[import-untyped]

from gateway.context.factors import FACTORS
from gateway.errors import UpstreamError
from gateway.types import events as ev
from tests.conformance.recordings import Exchange
from tests.conformance.test_table import parse, spoken

PER_MESSAGE = 4
LEAST_DIFFERENCE = 80  # yardstick tokens between the two prompts of a pair
LONG = 90
LEAST_VARIETY = 0.2  # distinct tokens in a prompt, as a share of all
OTHERS = {
    "openai": r"gpt-[45]o?|gpt-4\.1|\bo[134]\b",
    "gpt-oss": r"gpt-oss",
    "llama": r"llama",
    "deepseek": r"deepseek",
    "qwen": r"qwen",
    "nova": r"nova",
    "sonar": r"sonar",
}
# Members whose effect on the prompt cannot be told from its text.
_MORE_THAN_TEXT = (
    "tools", "functions", "response_format", "toolConfig", "output_config", "thinking", "reasoning",
    "documents", "cachedContent", "mcp_servers", "context_management", "container", "outputConfig",
    "guardrailConfig",
)  # fmt: skip
_ENCODING = get_encoding("o200k_base")
Prompt = tuple[int, int, int]  # yardstick tokens, the provider's tokens, messages


def main() -> None:
    """Print a line for each family: how many prompts, what they say, and what is committed."""
    print("family | prompts | long | pairs | median | 10 % | 90 % | committed")
    committed = {row.family: row.factor for row in FACTORS}
    for family, models in sorted(_prompts().items()):
        texts = {text for prompts in models.values() for text in prompts}
        slopes = sorted(s for prompts in models.values() for s in _slopes(list(prompts.values())))
        long = sum(len(_encode(text)) >= LONG for text in texts)
        spread = [slopes[int(len(slopes) * share)] for share in (0.1, 0.9)] if slopes else []
        middle = [statistics.median(slopes), *spread] if slopes else []
        shown = " | ".join(f"{value:.3f}" for value in middle)
        factor = committed.get(family, 1.0)
        print(f"{family} | {len(texts)} | {long} | {len(slopes)} | {shown} | {factor}")


def _prompts() -> dict[str, dict[str, dict[str, Prompt]]]:
    """Return the prompts by family, model and text."""
    found: dict[str, dict[str, dict[str, Prompt]]] = defaultdict(lambda: defaultdict(dict))
    for exchange in spoken():
        text, messages = _text(exchange)
        tokens = _encode(text)
        if not tokens or (len(tokens) >= LONG and len(set(tokens)) < len(tokens) * LEAST_VARIETY):
            continue
        counted = _counted(exchange)
        family = _family(_model(exchange))
        if counted and family:
            place = f"{exchange.provider} {_model(exchange)}"
            found[family][place][text] = (len(tokens), counted, messages)
    return found


def _slopes(prompts: list[Prompt]) -> Iterator[float]:
    for one, other in itertools.combinations(prompts, 2):
        longer = other[0] - one[0]
        if abs(longer) >= LEAST_DIFFERENCE:
            yield (other[1] - one[1] - PER_MESSAGE * (other[2] - one[2])) / longer


def _encode(text: str) -> list[int]:
    tokens: list[int] = _ENCODING.encode_ordinary(text)
    return tokens


def _family(model: str) -> str | None:
    rows = [(row.family, row.pattern) for row in FACTORS]
    rows += [(family, re.compile(pattern)) for family, pattern in OTHERS.items()]
    return next((family for family, pattern in rows if pattern.search(model)), None)


def _model(exchange: Exchange) -> str:
    named = exchange.request.get("model") or exchange.request.get("modelId")
    in_url = re.search(r"models?/([^:/?]+)", unquote(exchange.url))
    return str(named or (in_url[1] if in_url else exchange.url)).lower()


def _counted(exchange: Exchange) -> int:
    try:
        events = parse(exchange, [exchange.body], stream=exchange.stream)
    except UpstreamError:
        return 0
    return next((event.usage.prompt for event in events if isinstance(event, ev.Usage)), 0)


def _text(exchange: Exchange) -> tuple[str, int]:
    """Return a prompt's text and its number of messages; "" where it is more than text."""
    request = exchange.request
    config = request.get("generationConfig") or {}
    if exchange.status != 200 or any(request.get(name) for name in _MORE_THAN_TEXT):
        return "", 0
    if "responseSchema" in config or "responseJsonSchema" in config:
        return "", 0
    system = [request.get("system"), request.get("systemInstruction")]
    messages = request.get("messages") or request.get("contents") or []
    try:
        texts = [text for node in (*system, messages) for text in _texts(node)]
    except TypeError:
        return "", 0
    count = len(messages) if isinstance(messages, list) else 1
    return "\n".join(texts), count + sum(node is not None for node in system)


def _texts(node: Any) -> Iterator[str]:
    """Yield the texts of a message or part. Raises TypeError for anything but text."""
    match node:
        case None | {"cachePoint": _}:
            return
        case str():
            yield node
        case list():
            for inner in node:
                yield from _texts(inner)
        case {"text": str(text), **rest} if rest.keys() <= {"type", "cache_control"}:
            yield text
        case {"parts": inner, **rest} if rest.keys() <= {"role"}:
            yield from _texts(inner)
        case {"content": inner, **rest} if rest.keys() <= {"role", "name", "cache_control"}:
            yield from _texts(inner)
        case _:
            raise TypeError


if __name__ == "__main__":
    main()
