"""The tokenizer's own process, asked one text at a time: the judge of what blocks say they cost."""

import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counting() -> Iterator[Callable[[str], int]]:
    """Yield what counts the tokens of a text."""
    with subprocess.Popen(
        [sys.executable, "-m", "gateway.context.tokenizer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        asked, answers = child.stdin, child.stdout
        assert asked is not None
        assert answers is not None

        def count(text: str) -> int:
            data = text.encode()
            asked.write(struct.pack(">II", 1, len(data)) + data)
            asked.flush()
            tokens: int = struct.unpack(">I", answers.read(4))[0]
            return tokens

        yield count
    assert child.returncode == 0
