"""The provider tables in the docs are those the code makes."""

from gateway.providers.matrix import columns, render_features
from gateway.providers.registry import PROVIDERS
from tests.docs.provider_tables import PAGE, with_tables


def test_the_tables_are_as_the_code_has_them() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page) == page, "run `make docs`"


def test_every_wire_format_has_its_column() -> None:
    formats = {type(provider) for provider in PROVIDERS.values()}
    assert formats == {type(PROVIDERS[name]) for name in columns()}


def test_the_table_tells_providers_apart() -> None:
    lines = render_features().splitlines()
    assert any(" no |" in line and " yes |" in line for line in lines)
