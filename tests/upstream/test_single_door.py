"""C-21: no second outbound client in the code base."""

import ast
from pathlib import Path

import gateway

PACKAGE = Path(gateway.__file__).parent
CLIENTS = {
    "httpx",
    "httpcore",
    "aiohttp",
    "requests",
    "urllib3",
    "h11",
    "urllib.request",
    "http.client",
}
# The command line may call the admin API of its own gateway; nothing else leaves but through here.
DOORS = ("upstream/", "cli/")


def imported(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def is_client(name: str) -> bool:
    return any(name == client or name.startswith(f"{client}.") for client in CLIENTS)


def test_only_the_upstream_package_imports_an_http_client() -> None:
    found = {
        file.relative_to(PACKAGE).as_posix(): sorted(filter(is_client, imported(file.read_text())))
        for file in PACKAGE.rglob("*.py")
    }
    users = {file for file, clients in found.items() if clients}
    assert {file for file in users if not file.startswith(DOORS)} == set()
    assert "upstream/httpx_transport.py" in users


def test_nobody_uses_the_client_that_follows_the_environment() -> None:
    assert not [file for file in PACKAGE.rglob("*.py") if "AsyncClient(" in file.read_text()]
