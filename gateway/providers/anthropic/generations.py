"""What each generation of Claude models takes, by the model's name.

The catalogue knows most models; this table answers for names it does not list (aliases, dated
snapshots, vendor prefixes) and for the few facts the catalogue has no column for. Sources, as of
2026-11: platform.claude.com pages "Thinking", "Effort", "Structured outputs", "Preserved thinking"
and the what's-new and migration pages of Opus 5.5, Sonnet 5.5, Haiku 5.5 and Fable 5.1.
"""

import re
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from gateway.types.models import ModelInfo, ReasoningStyle

Version = tuple[int, int]

_LOW_TO_HIGH = ("low", "medium", "high")
_WITH_MAX = (*_LOW_TO_HIGH, "max")
_ALL_EFFORTS = (*_LOW_TO_HIGH, "xhigh", "max")


class Generation(Struct, frozen=True):
    """What a generation takes.

    `efforts` are the words of `output_config.effort`, ascending. `thinks_unasked` models think when
    the request says nothing; `off` is the `thinking.type` that stops them, None where nothing does.
    `forced_tools` is False where `tool_choice` of type any or tool is a 400. `bound_thinking` models
    refuse replayed thinking once anything before it has changed, unless told to drop it.
    `one_sampling_value`: `temperature` and `top_p` together are a 400.
    """

    style: ReasoningStyle
    json_schema: bool
    efforts: tuple[str, ...] = ()
    thinks_unasked: bool = False
    off: str | None = None
    forced_tools: bool = True
    bound_thinking: bool = False
    one_sampling_value: bool = False


_PLAIN = Generation(ReasoningStyle.NONE, json_schema=False)
_BUDGET = Generation(ReasoningStyle.BUDGET, json_schema=False)
_V4_1 = replace(_BUDGET, one_sampling_value=True)
_V4_5 = replace(_V4_1, json_schema=True)
_V4_6 = replace(_V4_5, style=ReasoningStyle.BUDGET_OR_ADAPTIVE, efforts=_WITH_MAX)
_V4_7 = replace(_V4_6, style=ReasoningStyle.ADAPTIVE, efforts=_ALL_EFFORTS)
_V5 = replace(_V4_7, thinks_unasked=True, off="disabled")
_ALWAYS_THINKS = replace(_V5, off=None, forced_tools=False)
_BOUND = replace(_ALWAYS_THINKS, bound_thinking=True)

# Not a Claude: an Anthropic-compatible server, or a name of the operator's own. The oldest spelling
# of thinking is the one such servers know.
_UNKNOWN = replace(_BUDGET, json_schema=True)

# Ascending: the last row that the version reaches holds.
_BY_VERSION: tuple[tuple[Version, Generation], ...] = (
    ((0, 0), _PLAIN),
    ((3, 7), _BUDGET),
    ((4, 1), _V4_1),
    ((4, 5), _V4_5),
    ((4, 6), _V4_6),
    ((4, 7), _V4_7),
    ((5, 0), _V5),
    ((5, 5), _BOUND),
)
_BY_FAMILY: Mapping[str, tuple[tuple[Version, Generation], ...]] = {
    "opus": (((4, 5), replace(_V4_5, efforts=_LOW_TO_HIGH)),),
    "sonnet": (((5, 5), replace(_BOUND, off="between_tools")),),
    "haiku": (((5, 5), replace(_V5, bound_thinking=True)),),
    "fable": (((0, 0), _ALWAYS_THINKS), ((5, 1), _BOUND)),
    # 5.1 does not check, but takes the same request ("Preserved thinking" page, 2026-11).
    "mythos": (((0, 0), _ALWAYS_THINKS), ((5, 1), _BOUND)),
}
_FAMILY_FIRST = re.compile(r"claude-([a-z]+)-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_VERSION_FIRST = re.compile(r"claude-(\d{1,2})(?:[-.](\d{1,2}))?(?:-([a-z]+))?(?![\d.])")
_NO_VERSION = re.compile(r"claude-(fable|mythos)\b")


def generation_of(model: str, info: ModelInfo) -> Generation:
    """Return what a model takes: the table's row, corrected by what the catalogue knows."""
    row = _row_of(model)
    if info.reasoning is not None and info.reasoning is not row.style:
        row = replace(row, style=info.reasoning, efforts=row.efforts or _efforts(info.reasoning))
    if info.json_schema is not None:
        row = replace(row, json_schema=info.json_schema)
    return row


def _row_of(model: str) -> Generation:
    family, version = _read_name(model.lower())
    if version is None:
        return _UNKNOWN
    own = _BY_FAMILY.get(family, ())
    # The numbers of these two do not count along with the others'.
    rows = own if family in ("fable", "mythos") else (*own, *_BY_VERSION)
    reached = [row for row in rows if row[0] <= version]
    return max(reached, key=lambda row: row[0])[1]  # of equals the first: the family's own row


def _read_name(model: str) -> tuple[str, Version | None]:
    if found := _FAMILY_FIRST.search(model):
        return found[1], (int(found[2]), int(found[3] or 0))
    if found := _VERSION_FIRST.search(model):
        return found[3] or "", (int(found[1]), int(found[2] or 0))
    if found := _NO_VERSION.search(model):
        return found[1], (0, 0)
    return "", None


def _efforts(style: ReasoningStyle) -> tuple[str, ...]:
    adaptive = (ReasoningStyle.ADAPTIVE, ReasoningStyle.BUDGET_OR_ADAPTIVE, ReasoningStyle.EFFORT)
    return _ALL_EFFORTS if style in adaptive else ()
