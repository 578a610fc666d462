"""What each generation of Gemini models takes, by the model's name.

The catalogue knows most models; this table answers for names it does not list (previews, aliases,
tuned models) and for the facts the catalogue has no column for. Sources, as of 2026-11:
ai.google.dev pages "Thinking" (levels by model), "Thought signatures", "Long decode" and "Latest
model", docs.cloud.google.com guides of Gemini 3.x, Gemini 4 Argon and Neon, and recorded traffic.
"""

import re
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from gateway.types.models import ModelInfo, ReasoningStyle

Version = tuple[int, int]

_LOW_TO_HIGH = ("LOW", "MEDIUM", "HIGH")
_ALL_LEVELS = ("MINIMAL", *_LOW_TO_HIGH)


class Generation(Struct, frozen=True):
    """What a generation takes.

    `style` is how it is asked to think: by a token budget, or by one of `levels`, ascending.
    `budgets` are the least and most tokens of a budget, `off` the budget that comes closest to no
    thinking. `json_schema`: takes whole JSON Schemas, not only the subset. `signatures`: replaying a
    call without its signature is a 400. `mixes`: JSON answers and Google's own tools go together
    with functions. `media_results`: a function's result may hold files. `fetches`: the Developer API
    takes public https URLs. `validated`: has the calling mode between AUTO and ANY. `system` and `json_mode` are False where a 400 answers them. `ignored`
    names sampling values without effect, `refused` those that are a 400.
    """

    style: ReasoningStyle
    levels: tuple[str, ...] = ()
    budgets: tuple[int, int] = (1, 24_576)
    off: int = 0
    json_schema: bool = True
    signatures: bool = False
    mixes: bool = False
    media_results: bool = False
    fetches: bool = False
    validated: bool = False
    system: bool = True
    json_mode: bool = True
    ignored: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


_V1 = Generation(ReasoningStyle.NONE, json_schema=False)
_V2 = Generation(ReasoningStyle.NONE)
_V2_5 = Generation(ReasoningStyle.BUDGET, fetches=True, validated=True)
_V3 = Generation(
    ReasoningStyle.EFFORT,
    levels=_LOW_TO_HIGH,
    signatures=True,
    mixes=True,
    media_results=True,
    fetches=True,
    validated=True,
)
_V4 = replace(
    _V3,
    ignored=("temperature", "top_p", "top_k"),
    refused=("frequency_penalty", "presence_penalty"),
)
_GEMMA_3 = Generation(ReasoningStyle.NONE, json_schema=False, system=False, json_mode=False)
_GEMMA_4 = Generation(ReasoningStyle.NONE)
# Not a name of Google's: a tuned model, or an operator's own. The oldest spelling that thinks.
_UNKNOWN = _V2_5

# Ascending: the last row that the version reaches holds.
_BY_VERSION: tuple[tuple[Version, Generation], ...] = (
    ((0, 0), _V1),
    ((2, 0), _V2),
    ((2, 5), _V2_5),
    ((3, 0), _V3),
    ((4, 0), _V4),
)
# The first pattern that is found holds. Others of the third generation take LOW to HIGH.
_LEVELS: Sequence[tuple[re.Pattern[str], tuple[str, ...]]] = (
    (re.compile(r"-pro-image"), ()),
    (re.compile(r"-image"), ("MINIMAL", "HIGH")),
    (re.compile(r"gemini-3(?:\.0)?-pro"), ("LOW", "HIGH")),
    (re.compile(r"gemini-3(?:\.[0156])?-flash"), _ALL_LEVELS),
)
_SPEAKS_OR_DRAWS = re.compile(r"-(?:tts|image|native-audio)\b")
_GEMINI = re.compile(r"gemini-(?:(?:flash|pro)-)?(\d{1,2})(?:\.(\d{1,2}))?(?![\d.])")
_GEMMA = re.compile(r"gemma-?(\d)")


def generation_of(model: str, info: ModelInfo) -> Generation:
    """Return what a model takes: the table's row, corrected by what the catalogue knows."""
    row = _row_of(model.lower())
    wanted = info.reasoning
    if wanted in (ReasoningStyle.ADAPTIVE, ReasoningStyle.BUDGET_OR_ADAPTIVE):
        wanted = ReasoningStyle.EFFORT
    if wanted is not None and wanted is not row.style and not _SPEAKS_OR_DRAWS.search(model):
        row = replace(row, style=wanted, levels=row.levels or _LOW_TO_HIGH)
    return row


def _row_of(model: str) -> Generation:
    if found := _GEMMA.search(model):
        return _GEMMA_4 if int(found[1]) > 3 else _GEMMA_3
    if found := _GEMINI.search(model):
        version = (int(found[1]), int(found[2] or 0))
        row = [row for least, row in _BY_VERSION if least <= version][-1]
        return _refined(row, model, version)
    if model.startswith(("gemini-pro", "gemini-ultra", "gemini-exp")) and "latest" not in model:
        return _V1  # names from before there were versions
    if "gemini" in model:
        return _V3  # an alias such as `gemini-flash-latest`
    return _UNKNOWN


def _refined(row: Generation, model: str, version: Version) -> Generation:
    """Tell the models of one generation apart."""
    if version < (3, 0):
        if _SPEAKS_OR_DRAWS.search(model):
            return replace(row, style=ReasoningStyle.NONE)
        if row is _V2_5 and "pro" in model:
            return replace(row, budgets=(128, 32_768), off=128)
        if row is _V2_5 and "flash-lite" in model:
            return replace(row, budgets=(512, 24_576))
        return row
    if version < (4, 0):
        levels = next((levels for name, levels in _LEVELS if name.search(model)), row.levels)
        return replace(row, levels=levels)
    return row
