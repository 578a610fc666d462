"""What older dated versions of Azure's API do not know: such members are left out or respelled.

They would be answered with 400 `unknown_parameter`. Only what changes nothing in the answer is
left out; anything else goes as it is, and the API says clearly what it lacks, which may be less
than its documents say (`reasoning_effort` is taken by 2024-02-01, recorded in 2025). From "API
version lifecycle", sections "Changes between …" (2026-11).
"""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.providers.openai.quirks import Quirks
from gateway.types.json import JsonObject

_KNOWN_SINCE: Mapping[str, str] = MappingProxyType(
    {
        "parallel_tool_calls": "2024-09-01",
        "stream_options": "2024-09-01",
        "metadata": "2024-12-01",
        "store": "2024-12-01",
        "prediction": "2025-01-01",
    }
)
# At these values a member says nothing; and usage in a stream is the gateway's own wish as well.
_SAYS_NOTHING = (("store", False), ("parallel_tool_calls", True))
_OWN = "stream_options"
_DEVELOPER_SINCE = "2024-12-01"  # the role came with the models that think
_DAY = 10  # characters of a date: a preview of a day comes with that day's version

AZURE_QUIRKS = Quirks(developer_role=True, new_limit_for_thinking=True, repair_finish=False)
_OLD_QUIRKS = Quirks(new_limit_for_thinking=True, repair_finish=False)


def quirks_of(version: str | None) -> Quirks:
    """Return the dialect of a dated version, None for the newest."""
    if version is None or version[:_DAY] >= _DEVELOPER_SINCE:
        return AZURE_QUIRKS
    return _OLD_QUIRKS


def without_unknown(body: JsonObject, version: str | None) -> JsonObject:
    """Return a request without the members that came after a dated version."""
    if version is None:
        return body
    day = version[:_DAY]
    return {name: value for name, value in body.items() if day >= _KNOWN_SINCE.get(name, day)}


def dropped_members(body: JsonObject, sent: JsonObject) -> tuple[str, ...]:
    """Return a line for each wish of the client's in `body` that is not in `sent`."""
    return tuple(
        f"dropped: {name}"
        for name, value in body.items()
        if name not in sent and name != _OWN and (name, value) not in _SAYS_NOTHING
    )
