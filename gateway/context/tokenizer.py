"""Counts tokens, in a process of its own: `python -m gateway.context.tokenizer`.

The vocabulary takes 0.7 s to load and 150 MB to hold, too much for every worker to keep. So this
process has it, is started when records are written (`token_desk.py`), and ends with its input.
No other module imports this one.

    in   4 bytes n, then n times: 4 bytes length, text in UTF-8
    out  n times: 4 bytes tokens

All numbers are big-endian. Texts come by the pipe only, are never written anywhere, and no core of
the process is.
"""

import resource
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO, Final

from bpe_openai import get_encoding  # type: ignore[import-untyped]  # has no marker of its types

VOCABULARY: Final = "o200k_base"
_PIECE: Final = 50_000  # characters; the library refuses texts of more than 200,000 tokens
_NUMBER: Final = struct.Struct(">I")


def token_counter() -> Callable[[str], int]:
    """Return what counts the tokens of a text. What looks like a special token is text like any."""
    encode = get_encoding(VOCABULARY).encode_ordinary

    def count(text: str) -> int:
        return sum(len(encode(text[at : at + _PIECE])) for at in range(0, len(text), _PIECE))

    return count


def serve(asked: BinaryIO, answers: BinaryIO, count: Callable[[str], int]) -> None:
    """Answer until the input ends. Raises EOFError if it ends within a question."""
    while head := asked.read(_NUMBER.size):
        number = _read_number(head)
        counts = []
        for _ in range(number):
            length = _read_number(asked.read(_NUMBER.size))
            text = asked.read(length)
            if len(text) < length:
                raise EOFError
            counts.append(count(text.decode()))
        answers.write(struct.pack(f">{number}I", *counts))
        answers.flush()


def _read_number(data: bytes) -> int:
    if len(data) < _NUMBER.size:
        raise EOFError
    number: int = _NUMBER.unpack(data)[0]
    return number


def main() -> None:
    """Serve on standard input and output."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a library prints is no answer
    serve(sys.stdin.buffer, answers, token_counter())


if __name__ == "__main__":
    main()
