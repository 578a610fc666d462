"""Faults of configuration and start-up."""


class ConfigError(Exception):
    """A fault in configuration or start-up; `path` is its place in the file ("" for none)."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.message = message
        self.path = path
