"""What differs between the models behind Converse, by what their ids hold.

Sources: docs.aws.amazon.com, "Supported models and model features" and "Prompt caching" (2026). What
Claude itself demands is written down once, with Anthropic's format. Ids nobody knows, and the
sandbox's own, may do all of it.
"""

import re

from msgspec import Struct

from gateway.sandbox.formats.anthropic.families import Family as Claude, family_of

_REGION = re.compile(r"(us|eu|apac|jp|au|ca|sa|us-gov|global)\.")
_VERSION = re.compile(r"-v\d+(:\d+)?$|:\d+$")


class Family(Struct, frozen=True):
    """What the models of one family accept. `cache_floor` None: no prompt caching at all.

    `extra` are the members of `additionalModelRequestFields` it knows; None: any.
    """

    mark: str
    tools: bool = True
    forced_tools: bool = True  # toolChoice any and tool
    images: bool = True
    documents: bool = True
    video: bool = False
    buckets: bool = False
    max_output: int | None = None
    cache_floor: int | None = None
    extra: tuple[str, ...] | None = None
    signs: bool = False  # its reasoning is signed, and the signature is checked
    claude: Claude | None = None


_CLAUDE = Family(
    "anthropic.claude",
    cache_floor=1024,
    extra=(
        "thinking", "reasoning_config", "output_config", "top_k", "anthropic_beta", "tool_choice",
        "anthropic_version", "context_management",
    ),
    signs=True,
)  # fmt: skip
_NOVA_EXTRA = ("inferenceConfig", "reasoningConfig")
_ANYTHING = Family("", video=True, buckets=True, cache_floor=1024, signs=True)
_FAMILIES = (
    _CLAUDE,
    Family(
        "amazon.nova-micro", images=False, documents=False, max_output=10_000, cache_floor=1024,
        extra=_NOVA_EXTRA,
    ),
    Family(
        "amazon.nova-2", video=True, buckets=True, max_output=65_536, cache_floor=1024,
        extra=_NOVA_EXTRA,
    ),
    Family(
        "amazon.nova", video=True, buckets=True, max_output=10_000, cache_floor=1024,
        extra=_NOVA_EXTRA,
    ),
    Family("amazon.titan-text", tools=False, images=False, documents=False),
    Family("meta.llama3", forced_tools=False, images=False),
    Family("meta.llama4", forced_tools=False),
    Family("openai.gpt-oss", images=False, documents=False, extra=("reasoning_effort",)),
    Family("cohere.command", forced_tools=False, images=False),
)  # fmt: skip

# Newer models answer only through an inference profile, whose id begins with a region.
_PROFILE_ONLY = re.compile(
    r"anthropic\.claude-(3-7|sonnet-4|opus-4|haiku-4|sonnet-5|opus-5|haiku-5)"
    r"|amazon\.nova-(premier|2-(lite|pro))|meta\.llama4"
)


def bare_name(model: str) -> str:
    """Return a model id without ARN and region."""
    name = model.rpartition("/")[2] if model.startswith("arn:") else model
    return _REGION.sub("", name, count=1)


def needs_profile(model: str) -> bool:
    """Whether a model was called by an id that cannot be called."""
    return not model.startswith("arn:") and _PROFILE_ONLY.match(model) is not None


def family_behind(model: str) -> Family:
    """Return the family of a model id."""
    name = bare_name(model)
    found = next((one for one in _FAMILIES if one.mark in name), _ANYTHING)
    if found is not _CLAUDE:
        return found
    claude = family_of(_VERSION.sub("", name.partition("anthropic.")[2]))
    return Family(
        found.mark,
        max_output=claude.max_output,
        cache_floor=claude.cache_floor,
        extra=found.extra,
        signs=True,
        claude=claude,
    )
