"""Writes `data.json` from the genai-prices package and our capability rows.

    python -m gateway.catalogue.make 2026-11-23

The day says which of the dated prices is the base; later ones go along as changes. Not imported
at run time, so that a worker never loads genai-prices. Models that are neither chat nor
embeddings, and those priced by anything but tokens, are left out.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from genai_prices import types as source
from genai_prices.data import providers as source_providers

from gateway.catalogue.capabilities import CAPABILITIES
from gateway.catalogue.make_prices import price_of
from gateway.catalogue.rows import ModelRow, ProviderRows, Rule, Source

_OUT = Path(__file__).with_name("data.json")
_NAMES: Mapping[str, str] = {
    "anthropic": "anthropic",
    "azure": "azure",
    "bedrock": "aws",
    "cerebras": "cerebras",
    "cloudflare": "cloudflare",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "xai": "x-ai",
    "zai": "zai",
}
_HUGGINGFACE = "huggingface_"
_OUR_NAMES = {theirs: ours for ours, theirs in _NAMES.items()}
_NOT_CHAT = re.compile(
    r"image|(^|[-/])tts|-tts|whisper|transcribe|realtime|moderation|-ocr|dall-e|imagen|veo-|sora|lyria"
    r"|rerank|voice|orpheus|(^|-)live($|-)|sonic|davinci|babbage|(^|-)ada($|-00)|curie|decider"
    r"|-instruct-0914|gpt-3\.5-turbo-instruct|speech|safety|prompt-guard|nano-banana|^gemini-omni"
)
# Priced, but not offered: retired by the vendor (platform.claude.com/docs/en/about-claude/
# model-deprecations, developers.openai.com/api/docs/deprecations; November 2026), families of
# fine-tunes, and what OpenAI serves on its Responses API only.
_NOT_OFFERED = re.compile(
    r"^claude-(2|v1|3-(opus|sonnet)|3-[57]-)|^claude-(opus|sonnet)-4-0"
    r"|^gpt-4-(32k|vision)|^gpt-4\.5|^gpt-3\.5-(0301|turbo-0613|turbo-16k)|^o1-(mini|preview)$"
    r"|:extended|\.ft-$|^ft:"
    r"|^o[13]-pro|^gpt-5([.]\d)?-pro|^gpt-5.*-codex|^codex-|-deep-research$|^computer-use"
)


def build(day: date) -> tuple[Source, dict[str, ProviderRows]]:
    """Return the catalogue as of `day`, from the installed genai-prices."""
    theirs = {provider.id: provider for provider in source_providers}
    rows = {ours: _provider(ours, theirs[name], day) for ours, name in _NAMES.items()}
    rows["gemini"], rows["vertex"] = _split_google(rows["gemini"])
    routed = [theirs[name] for name in theirs if name.startswith(_HUGGINGFACE)]
    rows["huggingface"] = ProviderRows(
        models=tuple(row for provider in routed for row in _routed_models(provider, day)),
        capabilities=CAPABILITIES.get("huggingface", ()),
    )
    made = Source("genai-prices", version("genai-prices"), day.isoformat())
    return made, dict(sorted(rows.items()))


def render(made: Source, providers: Mapping[str, ProviderRows]) -> str:
    """Write the catalogue as JSON, a model a line, so that an update can be read as a diff."""
    parts = [f'{{"source":{_json(made)},"providers":{{']
    for place, (name, rows) in enumerate(providers.items()):
        parts.append(f'{"," if place else ""}"{name}":{{"models":[')
        parts.append(",\n".join(_json(row) for row in rows.models))
        parts.append('],"capabilities":[')
        parts.append(",\n".join(_json(row) for row in rows.capabilities))
        parts.append(f'],"fallback":{_json(rows.fallback)}}}')
    return "\n".join([*parts, "}}", ""])


def _provider(ours: str, provider: source.Provider, day: date) -> ProviderRows:
    models = tuple(row for model in provider.models if (row := _model(ours, model, day)))
    fallback = (_OUR_NAMES.get(name) for name in provider.fallback_model_providers or ())
    return ProviderRows(
        models=models,
        capabilities=CAPABILITIES.get(ours, ()),
        fallback=tuple(name for name in fallback if name),
    )


def _split_google(rows: ProviderRows) -> tuple[ProviderRows, ProviderRows]:
    """Google's price list is that of two services, of which only Vertex serves Claude."""
    claude = tuple(row for row in rows.models if "claude" in row.id)
    own = tuple(row for row in rows.models if "claude" not in row.id)
    return (
        ProviderRows(models=own, capabilities=rows.capabilities),
        ProviderRows(claude, CAPABILITIES["vertex"], ("gemini", *rows.fallback)),
    )


def _model(ours: str, model: source.ModelInfo, day: date) -> ModelRow | None:
    rule = _rule(model.match)
    callable_id = _callable_id(model.id, rule)
    name = callable_id or model.id
    # OpenRouter's names are `vendor/model`; its older rows without a vendor can not be called.
    if _NOT_CHAT.search(name.lower()) or (ours == "openrouter" and "/" not in name):
        return None
    price = price_of(ours, model, day)
    if price is None:
        return None
    return ModelRow(
        id=name,
        rule=rule,
        price=price,
        context_window=model.context_window,
        embedding="embed" in name.lower(),
        listed=callable_id is not None
        and not model.deprecated
        and not _NOT_OFFERED.search(name.lower()),
    )


def _routed_models(provider: source.Provider, day: date) -> Iterator[ModelRow]:
    """Hugging Face's router takes `model:host`, and each host has its own price."""
    host = provider.id.removeprefix(_HUGGINGFACE)
    for model in provider.models:
        row = _model("huggingface", model, day)
        if row is not None:
            names = tuple(f"{name}:{host}" for name in row.rule.equals)
            yield msgspec.structs.replace(row, id=f"{row.id}:{host}", rule=Rule(equals=names))


def _callable_id(model_id: str, rule: Rule) -> str | None:
    """Return the id if the provider knows the model by it, else a name it lists, else None."""
    if rule.matches(model_id.lower()):
        return model_id
    return rule.equals[0] if rule.equals else None


def _rule(clause: source.MatchLogic) -> Rule:
    """Translate a rule; a clause's fields are named like ours, but for Python's keywords."""
    if isinstance(clause, source.ClauseOr):
        return _any_of([_rule(part) for part in clause.or_])
    if isinstance(clause, source.ClauseAnd):
        return Rule(every=(tuple(_rule(part) for part in clause.and_),))
    [(field, text)] = vars(clause).items()
    return Rule(**{field: (text if field == "regex" else text.lower(),)})


def _any_of(rules: list[Rule]) -> Rule:
    def joined(field: str) -> tuple[Any, ...]:
        return tuple(alternative for rule in rules for alternative in getattr(rule, field))

    return Rule(**{field: joined(field) for field in Rule.__struct_fields__})


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def main(arguments: list[str]) -> None:
    """Write the data of the day named on the command line."""
    made, providers = build(date.fromisoformat(arguments[0]))
    _OUT.write_text(render(made, providers), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
