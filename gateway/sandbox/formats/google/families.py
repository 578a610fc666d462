"""What differs between generations of Gemini, by the beginning of the model's name.

Sources: ai.google.dev, "Thinking", "Thought signatures", "Structured output" and "Function calling"
(2026). The sandbox's own names, and names we do not know, may do all of it.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

_GENERATION = re.compile(r"gemini-(\d+)(\.\d+)?-")
DATED: Mapping[str, str] = {
    "gemini-flash-latest": "gemini-3.6-flash",
    "gemini-flash-lite-latest": "gemini-3.5-flash-lite",
    "gemini-pro-latest": "gemini-3.1-pro-preview",
}
"""What a model's alias stands for: replies name the real model."""


class Family(Struct, frozen=True):
    """What the models of one generation accept.

    `budgets` are the bounds of `thinkingBudget` (0 and -1 aside); None: the model does not think.
    `quiet`: it can be told not to think at all. `levels`: `thinkingLevel` is known. `combines`:
    JSON answers, or the vendor's own tools, beside function declarations. `signs`: calls come
    with signatures; `names_calls`: and with ids, on Gemini's own API; `demands`: a call replayed
    without its signature is refused.
    """

    budgets: tuple[int, int] | None = (1, 32_768)
    quiet: bool = True
    levels: tuple[str, ...] = ("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")
    combines: bool = True
    signs: bool = True
    names_calls: bool = True
    demands: bool = False


_ANYTHING = Family()
_FIRST = Family(budgets=None, levels=(), combines=False, signs=False, names_calls=False)
_SECOND = Family(budgets=(1, 24_576), levels=(), combines=False, names_calls=False)
_SECOND_LITE = Family(budgets=(512, 24_576), levels=(), combines=False, names_calls=False)
_SECOND_PRO = Family(
    budgets=(128, 32_768), quiet=False, levels=(), combines=False, names_calls=False
)
_THIRD = Family(demands=True)
_THIRD_PRO = Family(demands=True, quiet=False, levels=("LOW", "MEDIUM", "HIGH", "XHIGH"))


def family_of(model: str) -> Family:
    """Return the generation a model belongs to."""
    model = model.partition("+")[0]
    model = DATED.get(model, model)
    found = _GENERATION.match(model)
    if found is None:
        return _ANYTHING
    if int(found[1]) >= 3:
        if "-image" in model:
            return _ANYTHING  # the one kind of its generation that does not demand signatures
        return _THIRD_PRO if "-pro" in model else _THIRD
    if found[0] == "gemini-2.5-":
        if "-pro" in model:
            return _SECOND_PRO
        return _SECOND_LITE if "-lite" in model else _SECOND
    return _ANYTHING if "-thinking" in model else _FIRST
