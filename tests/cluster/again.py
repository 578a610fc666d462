"""Tests of other folders, to be run once more against a Cluster."""

import importlib
import inspect
from collections.abc import Collection
from typing import Any

from _pytest.fixtures import FixtureFunctionDefinition


def tests_of(module: str, without: Collection[str] = ()) -> dict[str, Any]:
    """Return a module's tests and fixtures by name, for a test module's own names."""
    found = vars(importlib.import_module(module))
    unknown = set(without) - set(found)
    assert not unknown, f"no tests of {module}: {unknown}"
    return {
        name: thing
        for name, thing in found.items()
        if name not in without
        and (
            isinstance(thing, FixtureFunctionDefinition)
            or (name.startswith("test_") and inspect.isfunction(thing))
        )
    }
