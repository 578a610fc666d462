"""The page says what the tables hold, and the package keeps to itself."""

import ast
from pathlib import Path

import pytest

import gateway.sandbox
from gateway.sandbox.formats.registry import FORMATS
from gateway.sandbox.scenes import MODIFIERS, PREFIX, SCENES, is_playable

HOME = Path(gateway.sandbox.__file__ or "").parent
PAGE = (HOME / "README.md").read_text(encoding="utf-8")
OURS = ("gateway.sandbox", "gateway.types", "gateway.wire.sse")


def test_every_scene_and_modifier_is_on_the_page() -> None:
    missing = [name for name in SCENES if f"`{PREFIX}{name}`" not in PAGE]
    missing += [name for name in MODIFIERS if f"`+{name}`" not in PAGE]
    assert not missing


def test_the_page_names_no_scene_that_cannot_be_played() -> None:
    named = {part for part in PAGE.split("`")[1::2] if part.startswith(PREFIX) and "…" not in part}
    assert len(named) > len(SCENES) * 0.9
    assert [name for name in named if not is_playable(name.replace("<n>", "7"))] == []


def test_every_format_is_on_the_page() -> None:
    assert [name for name in FORMATS if f"`/{name}/" not in PAGE] == []


@pytest.mark.parametrize(
    "name", ["sandbox-", "sandbox-ecko", "sandbox-echo+", "sandbox-cut", "gpt-4o+"]
)
def test_a_typing_error_is_no_scene(name: str) -> None:
    assert not is_playable(name)


def test_nothing_of_the_gateways_own_reading_is_imported() -> None:
    for path in sorted(HOME.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gateway"):
                assert (node.module or "").startswith(OURS), f"{path.name}: {node.module}"
