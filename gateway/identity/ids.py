"""Random, immutable ids, in characters that need no escaping anywhere. Pure."""

import re
from collections.abc import Callable
from typing import Final

from gateway.types.clock import Clock

RandomBytes = Callable[[int], bytes]

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_BYTES: Final = 16
_ID_WIDTH: Final = 22  # 62**22 > 2**128
_USER_ID: Final = re.compile(r"u_[0-9A-Za-z]{22}")


def request_ids(clock: Clock, random_bytes: RandomBytes) -> Callable[[], str]:
    """Return a maker of request ids: `req_`, 12 hex digits of milliseconds, 20 of chance."""
    return lambda: f"req_{int(clock.now() * 1000):012x}{random_bytes(10).hex()}"


def base62(number: int, width: int) -> str:
    """Write a number in base 62 with leading zeros. Raises ValueError if it needs more digits."""
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    if number:
        raise ValueError("the number does not fit the width")
    return "".join(reversed(digits))


def new_user_id(random_bytes: RandomBytes) -> str:
    """Return a new user id: `u_` and 128 random bits."""
    return "u_" + _random_text(random_bytes)


def new_token_id(random_bytes: RandomBytes) -> str:
    """Return a new id for a token, which says nothing about the token: `t_` and 128 random bits."""
    return "t_" + _random_text(random_bytes)


def is_user_id(text: str) -> bool:
    """Tell whether a text has the shape of a user id: only such a text becomes part of a key name."""
    return _USER_ID.fullmatch(text) is not None


def _random_text(random_bytes: RandomBytes) -> str:
    return base62(int.from_bytes(random_bytes(_ID_BYTES), "big"), _ID_WIDTH)
