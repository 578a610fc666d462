"""The guide for application developers: its code is run as written, and prints what it says."""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.sandbox.server import start_sandbox
from tests.journeys.running import start_gateway

GUIDE = Path(__file__).parents[2] / "gateway/context/GUIDE.md"
_BLOCK = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)
_DAY = re.compile(r"\d{4}-\d\d-\d\d( \w{3}:)?|\w+day, \d+ \w+ \d{4}|[0-9a-f]{16}")


def pieces() -> list[tuple[str, str | None]]:
    """Return each piece of code, and what the guide says it prints."""
    found: list[tuple[str, str | None]] = []
    for language, text in _BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        if language == "python":
            found.append((text, None))
        else:
            found[-1] = (found[-1][0], text)
    return found


@pytest.fixture
def guide_variables(tmp_path: Path) -> Iterator[None]:
    """A gateway as `make run` starts it, and the variables that the guide names."""
    more = "user_defaults: {provider: sandbox}\n"
    with start_sandbox() as sandbox:
        models = (
            '  sandbox: {{type: openai, base_url: "{}/openai/v1", default_model: sandbox-echo}}'
        )
        with start_gateway(
            tmp_path, sandbox.url, more=models.format(sandbox.url) + "\n" + more
        ) as gw:
            user = gw.new_user("sandbox")
            os.environ |= {"GATEWAY_URL": gw.url, "GATEWAY_TOKEN": user.token}
            yield
            del os.environ["GATEWAY_URL"], os.environ["GATEWAY_TOKEN"]


@pytest.mark.usefixtures("guide_variables")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_guide_runs_as_written_and_prints_what_it_says() -> None:
    names: dict[str, Any] = {}
    checked = 0
    try:
        for code, expected in pieces():
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, str(GUIDE), "exec"), names)  # the guide itself
            if expected is not None:
                assert _undated(printed.getvalue()) == _undated(expected)
                checked += 1
    finally:
        for name in ("api", "client"):
            if name in names:
                names[name].close()
    assert checked >= 5


def _undated(text: str) -> list[str]:
    return [_DAY.sub("…", line).rstrip() for line in text.strip().splitlines()]
