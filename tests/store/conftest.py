"""A server of a test's own, which it may stop, kill and misconfigure."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.embedded import EmbeddedStore, use_embedded


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """Yield an embedded server in a directory of its own."""
    server = use_embedded(tmp_path / "data")
    yield server
    server.release()
