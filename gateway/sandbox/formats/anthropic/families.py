"""What differs between generations of Claude, by the beginning of the model's name.

Sources: platform.claude.com, "Models overview", "Extended thinking", "Prompt caching" and the
release notes of each model (2026). Names we do not know, and the sandbox's own, may do all of it but
put a system message into `messages`.
"""

from msgspec import Struct


class Family(Struct, frozen=True):
    """What the models of one generation accept.

    `max_output` None: no bound is checked. `cache_floor`: tokens below which nothing is cached.
    """

    start: str
    max_output: int | None = None
    cache_floor: int = 1024
    sampling: bool = True  # temperature, top_p, top_k
    both_sampling: bool = True  # temperature beside top_p
    manual_thinking: bool = True  # {"type": "enabled", "budget_tokens"}
    adaptive_thinking: bool = False
    effort: bool = False
    prefill: bool = True
    system_role: bool = False
    structured: bool = False


_ANYTHING = Family("", None, 1024, adaptive_thinking=True, effort=True, structured=True)

_FAMILIES = (
    Family("claude-3-opus", 4096, manual_thinking=False),
    Family("claude-3-haiku", 4096, 2048, manual_thinking=False),
    Family("claude-3-5-sonnet", 8192, manual_thinking=False),
    Family("claude-3-5-haiku", 8192, 2048, manual_thinking=False),
    Family("claude-3-7-sonnet", 128_000),
    Family("claude-sonnet-4", 64_000),
    Family("claude-opus-4", 32_000),
    Family("claude-opus-4-1", 32_000, both_sampling=False, structured=True),
    Family("claude-sonnet-4-5", 64_000, both_sampling=False, structured=True),
    Family("claude-haiku-4-5", 64_000, 4096, both_sampling=False, structured=True),
    Family("claude-opus-4-5", 64_000, 4096, both_sampling=False, effort=True, structured=True),
    Family(
        "claude-opus-4-6", 128_000, 4096,
        both_sampling=False, adaptive_thinking=True, effort=True, prefill=False, structured=True,
    ),
    Family(
        "claude-sonnet-4-6", 128_000,
        both_sampling=False, adaptive_thinking=True, effort=True, structured=True,
    ),
    *(
        Family(
            start, 128_000, floor, sampling=False, manual_thinking=False, adaptive_thinking=True,
            effort=True, prefill=False, system_role=True, structured=True,
        )
        for start, floor in (
            ("claude-opus-4-7", 2048),
            ("claude-opus-4-8", 1024),
            ("claude-opus-5", 512),
            ("claude-sonnet-5", 1024),
            ("claude-haiku-5", 1024),
            ("claude-fable-5", 512),
            ("claude-mythos-5", 512),
        )
    ),
)  # fmt: skip


def family_of(model: str) -> Family:
    """Return the generation a model belongs to: the longest beginning that fits."""
    fitting = [one for one in _FAMILIES if model.startswith(one.start)]
    return max(fitting, key=lambda one: len(one.start), default=_ANYTHING)
