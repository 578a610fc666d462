"""The registry."""

from gateway.providers.base import Fate
from gateway.providers.compatible import VENDORS
from gateway.providers.registry import PROVIDERS


def test_every_vendor_row_is_a_provider() -> None:
    assert set(VENDORS) < set(PROVIDERS)
    assert {"openai", "anthropic"} < set(PROVIDERS)


def test_every_provider_says_what_becomes_of_members_it_does_not_know() -> None:
    for name, provider in PROVIDERS.items():
        assert isinstance(provider.fates.get("*"), Fate), name
