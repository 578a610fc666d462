"""The table of key names."""

import inspect
import re

from gateway.store import names


def keys() -> dict[str, str]:
    """Return every function's key, made with its own parameter names as values."""
    functions = inspect.getmembers(names, inspect.isfunction)
    return {
        name: function(*(f"<{p}>" for p in inspect.signature(function).parameters))
        for name, function in functions
        if not name.startswith("_")
    }


def test_no_two_names_are_alike() -> None:
    assert len(set(keys().values())) == len(keys())


EVERYONES = {"totals_day"}


def test_keys_of_a_user_share_a_slot_and_others_have_no_tag() -> None:
    for name, key in keys().items():
        assert key.startswith(names.PREFIX)
        if name in EVERYONES:
            assert key.startswith("gw:{u:}:")
            assert names.limit_used("", "all", "cost_day", "d1").startswith("gw:{u:}:")
            continue
        of_user = "user_id" in inspect.signature(getattr(names, name)).parameters
        assert key.startswith("gw:{u:<user_id>}:") == of_user
        assert ("{" in key) == of_user


def test_every_name_says_its_type_and_how_long_it_is_kept() -> None:
    for name in keys():
        text = inspect.getdoc(getattr(names, name)) or ""
        assert re.match(r"(Hash|Text|Stream|Sorted set|Pattern for SCAN)\b.*: ", text), name
