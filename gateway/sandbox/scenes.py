"""The table of scenes and modifiers, and how a model name picks them. README.md describes each.

A name is `sandbox-<scene>`, then any modifiers behind `+`: `sandbox-tool+cut-4+slow-20`. A modifier
may stand for a scene too: `sandbox-cut-4` cuts a reply of twenty words. `<n>` in a key is a number.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct, structs

from gateway.sandbox.acts import (
    call_several,
    call_tool,
    describe_media,
    echo,
    long_text,
    obey_schema,
    think,
    think_and_call,
)
from gateway.sandbox.cue import Cue
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.script import (
    Break,
    Failure,
    Fault,
    Finish,
    Odd,
    Refuse,
    Say,
    Scene,
)

PREFIX = "sandbox-"
MISSING = "missing-model"

Act = Callable[[Cue], Scene]
Modifier = Callable[[Scene, int], Scene]


class UnknownScene(Exception):
    """The name begins like a scene but is none."""


def fail(failure: Failure, retry_after: float | None = None) -> Act:
    """Return the act that refuses every time."""
    return lambda _cue: Scene(failure=failure, retry_after=retry_after)


def fail_first(times: int, failure: Failure) -> Act:
    """Return the act that refuses `times` times and then answers, and so on in turn."""
    return lambda cue: Scene(failure=failure) if cue.take % (times + 1) < times else echo(cue)


def limit_once(cue: Cue) -> Scene:
    """Refuse for the rate once, naming a wait of `n` seconds; then answer."""
    failed = Scene(failure=Failure.RATE_LIMIT, retry_after=cue.n)
    return failed if cue.take % 2 == 0 else echo(cue)


def hang_once(cue: Cue) -> Scene:
    """Hang before the headers once; then answer."""
    return Scene(odd=Odd.HANG) if cue.take % 2 == 0 else echo(cue)


def play(*steps: Say | Refuse, finish: Finish = Finish.STOP, limit: int | None = None) -> Act:
    """Return the act that always says the same."""
    return lambda _cue: Scene(steps=steps, finish=finish, limit=limit)


def odd(kind: Odd) -> Act:
    """Return the act of a reply in nobody's format."""
    return lambda _cue: Scene(odd=kind)


SCENES: Mapping[str, Act] = {
    "echo": echo,
    "long": long_text,
    "long-<n>": long_text,
    "unicode": play(Say('Grüße, 世界! 👩🏽‍🚀 नमस्ते שלום \U0001f1ea\U0001f1fa\n“fin”\t\\ " \u2028.')),
    "tool": call_tool,
    "parallel-tools": call_several,
    "reasoning": think,
    "reasoning-redacted": think,
    "reasoning-tool": think_and_call,
    "refusal": play(Refuse("I cannot help with that request."), finish=Finish.REFUSAL),
    "json": obey_schema,
    "vision": describe_media,
    "length": play(Say(" ".join(["more"] * 80)), limit=64),
    "content-filter": play(Say("This answer was going to"), finish=Finish.FILTER),
    "empty-answer": play(),
    "empty": odd(Odd.EMPTY),
    "html": odd(Odd.HTML),
    "html-200": odd(Odd.HTML_200),
    "hang": odd(Odd.HANG),
    "hang-once": hang_once,
    "drop": odd(Odd.DROP),
    "400": fail(Failure.BAD_REQUEST),
    "401": fail(Failure.AUTH),
    "403": fail(Failure.FORBIDDEN),
    "404": fail(Failure.MODEL_NOT_FOUND),
    "408": fail(Failure.TIMEOUT),
    "409": fail(Failure.CONFLICT),
    "413": fail(Failure.TOO_LARGE),
    "429": fail(Failure.RATE_LIMIT, retry_after=1),
    "429-<n>": lambda cue: Scene(failure=Failure.RATE_LIMIT, retry_after=cue.n),
    "429-once-<n>": limit_once,
    "429-no-wait": fail(Failure.RATE_LIMIT),
    "quota": fail(Failure.QUOTA),
    "billing": fail(Failure.BILLING),
    "context-length": fail(Failure.CONTEXT_LENGTH),
    "prompt-filter": fail(Failure.CONTENT_FILTER),
    "500": fail(Failure.SERVER),
    "500-once": fail_first(1, Failure.SERVER),
    "500-twice": fail_first(2, Failure.SERVER),
    "502": fail(Failure.BAD_GATEWAY),
    "503": fail(Failure.UNAVAILABLE),
    "503-once": fail_first(1, Failure.UNAVAILABLE),
    "504": fail(Failure.GATEWAY_TIMEOUT),
    "529": fail(Failure.OVERLOADED),
    "overloaded": fail(Failure.OVERLOADED),
    "overloaded-once": fail_first(1, Failure.OVERLOADED),
}


def _break(kind: Break, default: int = 0) -> Modifier:
    return lambda scene, n: structs.replace(scene, fault=Fault(kind, n or default))


MODIFIERS: Mapping[str, Modifier] = {
    "cut-<n>": _break(Break.CUT),
    "hang-after-<n>": _break(Break.HANG),
    "malformed": _break(Break.MALFORMED, default=5),
    "malformed-<n>": _break(Break.MALFORMED),
    "error-mid-stream": _break(Break.ERROR, default=5),
    "error-mid-stream-<n>": _break(Break.ERROR),
    "late-<n>": lambda scene, n: structs.replace(scene, late=n / 1000),
    "quiet-<n>": lambda scene, n: structs.replace(scene, quiet=n / 1000),
    "slow-<n>": lambda scene, n: structs.replace(scene, slow=n / 1000),
    "no-usage": lambda scene, _n: structs.replace(scene, usage=False),
}


class Casting(Struct, frozen=True):
    """What a model name means: the act, its number, and the modifiers with theirs."""

    act: Act
    n: int
    modifiers: tuple[tuple[Modifier, int], ...]


def cast(model: str) -> Casting:
    """Return what a model name asks for; any name that is not ours is an echo.

    Raises UnknownScene for a name of ours that is in neither table, so that a typing error shows.
    """
    name, *extras = model.split("+")
    if name.startswith(MISSING):
        return Casting(fail(Failure.MODEL_NOT_FOUND), 0, ())
    if not name.startswith(PREFIX):
        return Casting(echo, 0, _modifiers(extras))
    key, n = _key(name.removeprefix(PREFIX), SCENES)
    if key in SCENES:
        return Casting(SCENES[key], n, _modifiers(extras))
    return Casting(long_text, 0, _modifiers([name.removeprefix(PREFIX), *extras]))


def is_playable(model: str) -> bool:
    """Whether a model name can be played at all."""
    try:
        cast(model)
    except UnknownScene:
        return False
    return True


def direct(prompt: Prompt, take: int) -> Scene:
    """Return the scene for a request that is played the `take`-th time (from 0)."""
    casting = cast(prompt.model)
    name = prompt.model.partition("+")[0].removeprefix(PREFIX)
    scene = casting.act(Cue(prompt, name, casting.n, take))
    for modify, n in casting.modifiers:
        scene = modify(scene, n)
    return scene


def _modifiers(names: list[str]) -> tuple[tuple[Modifier, int], ...]:
    found = []
    for name in names:
        key, n = _key(name, MODIFIERS)
        if key not in MODIFIERS:
            raise UnknownScene(name)
        found.append((MODIFIERS[key], n))
    return tuple(found)


def _key(name: str, table: Mapping[str, object]) -> tuple[str, int]:
    """Return the table's key for a name, and the number the name ends with."""
    head, _, tail = name.rpartition("-")
    if name in table or not (tail.isascii() and tail.isdigit()):
        return name, 0
    return f"{head}-<n>", int(tail[:9])
