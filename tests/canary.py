"""The canary scan (I-01): marked secrets must not turn up in anything a test run leaves behind.

A test takes secrets from the `canary` fixture. When the run ends, every file below pytest's
temporary directory (logs, stores, spools, dumps, saved error bodies and scrapes) and everything
the tests printed is searched for them, in every spelling a leak could take.
"""

import base64
import secrets
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest


class Canaries:
    """Makes secrets that can be told apart from everything else, and looks for them."""

    def __init__(self) -> None:
        self.minted: list[str] = []
        self.output: list[tuple[str, str]] = []  # where it was printed, what

    def mint(self, label: str) -> str:
        """Return a new secret; it has letters and digits only, so that it fits anywhere."""
        return self.watch(f"{label}{secrets.token_hex(12)}")

    def watch(self, secret: str) -> str:
        """Watch a secret that something else made (a token, a key)."""
        self.minted.append(secret)
        return secret

    def leaks(self, folder: Path) -> list[str]:
        """Return where secrets were found, without the secrets."""
        needles = [(secret[:6], form) for secret in self.minted for form in spellings(secret)]
        found = []
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
            content = path.read_bytes()
            found += [f"{label}… in {path}" for label, form in needles if form in content]
        for place, text in self.output:
            content = text.encode(errors="replace")
            found += [f"{label}… in {place}" for label, form in needles if form in content]
        return sorted(set(found))


def spellings(secret: str) -> Iterator[bytes]:
    """Yield the spellings of a secret: plain, hex, URL, base64 at its three offsets."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    yield urllib.parse.quote(secret, safe="").encode()
    for pad in range(3):
        encoded = base64.b64encode(b"\0" * pad + raw)
        yield encoded[4 if pad else 0 : -4]


CANARIES = Canaries()


@pytest.fixture
def canary() -> Canaries:
    """Return the run's canaries."""
    return CANARIES


class CanaryScan:
    """The plugin: listens to what tests print, and searches when the run ends."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a test printed and how it failed."""
        for name, text in report.sections:
            CANARIES.output.append((f"{report.nodeid} ({name})", text))
        if report.failed:
            CANARIES.output.append((f"{report.nodeid} (failure)", report.longreprtext))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if a secret was found."""
        if not CANARIES.minted:
            return
        factory = getattr(session.config, "_tmp_path_factory", None)
        folder = factory.getbasetemp() if factory is not None else Path("/nonexistent")
        if leaks := CANARIES.leaks(folder):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            for leak in leaks:
                print(f"CANARY LEAK: {leak}")  # the runner's own summary has no place for it


def pytest_configure(config: pytest.Config) -> None:
    """Watch the whole run for secrets that leak."""
    config.pluginmanager.register(CanaryScan())
