"""Tables that the conformance suite prints when it ends."""

from collections import defaultdict

import pytest

_TABLES: pytest.StashKey[dict[str, list[str]]] = pytest.StashKey()


@pytest.fixture(scope="session")
def terminal_table(pytestconfig: pytest.Config) -> dict[str, list[str]]:
    """Return lines by heading; they are printed below the run's result."""
    return pytestconfig.stash.setdefault(_TABLES, defaultdict(list))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables."""
    for heading, lines in terminalreporter.config.stash.get(_TABLES, {}).items():
        terminalreporter.section(heading)
        for line in lines:
            terminalreporter.write_line(line)
