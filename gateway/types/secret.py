"""A value that cannot print itself."""

from typing import NoReturn


class Secret:
    """Holds a secret string; shows `[secret]` in `repr`, `str`, f-strings, logs and tracebacks.

    `reveal()` is the only way out, so every use can be found by searching for it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself. Call it only where the value leaves for its one destination."""
        return self._value

    def __repr__(self) -> str:
        return "[secret]"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "[secret]"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)
