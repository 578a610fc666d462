"""Names for parsed JSON, whose shape is only known after narrowing."""

from typing import Any

# `Any` here and nowhere else: JSON enters as an object of unknown shape and is narrowed where read.
JsonObject = dict[str, Any]
JsonArray = list[Any]
