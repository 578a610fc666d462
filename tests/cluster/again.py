"""Tests of other folders, to be run once more against a Cluster."""

import importlib
import inspect
from collections.abc import Collection
from typing import Any

from _pytest.fixtures import FixtureFunctionDefinition


def rerun(*modules: str, without: Collection[str] = ()) -> dict[str, Any]:
    """Return the tests and fixtures of modules by name, for a test module's own names."""
    found: dict[str, Any] = {}
    for module in modules:
        for name, thing in vars(importlib.import_module(module)).items():
            is_test = name.startswith("test_") and inspect.isfunction(thing)
            if is_test or isinstance(thing, FixtureFunctionDefinition):
                assert found.get(name, thing) is thing, f"{module}: another {name}"
                found[name] = thing
    assert set(without) <= set(found), f"none of them: {set(without) - set(found)}"
    return {name: thing for name, thing in found.items() if name not in without}
