"""Faults of configuration and start-up."""

from collections.abc import Sequence


class ConfigError(Exception):
    """A fault in configuration or start-up; `path` is its place in the file ("" for none)."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.message = message
        self.path = path


class ConfigFaults(ConfigError):
    """Every fault of one configuration, so that an operator mends them in one go."""

    def __init__(self, faults: Sequence[ConfigError]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)
