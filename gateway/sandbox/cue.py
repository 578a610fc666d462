"""What an act is told: the request, how it was named, and how often it was played before."""

from msgspec import Struct

from gateway.sandbox.prompt import Prompt


class Cue(Struct, frozen=True):
    """`scene` is the name without prefix and modifiers, `n` the number it ends with (else 0)."""

    prompt: Prompt
    scene: str = ""
    n: int = 0
    take: int = 0
