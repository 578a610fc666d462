"""What about a server that we did not start could lose data behind our back."""

from gateway.store.base import Server, Store

_WARNINGS = (
    (
        "maxmemory_policy",
        lambda value: value not in ("", "noeviction"),
        "evicts keys when it is full (maxmemory-policy {value}): users, keys and budgets could "
        "vanish; set it to noeviction",
    ),
    (
        "aof_enabled",
        lambda value: value == "0",
        "keeps no append-only file (appendonly no): a restart may lose minutes of changes",
    ),
    (
        "role",
        lambda value: value == "slave",
        "is a replica and refuses writes",
    ),
)


async def find_faults(store: Store) -> list[str]:
    """Return a sentence per fault, empty for a good store; says nothing of what it cannot see.

    Raises StoreAway.
    """
    servers = await store.servers()
    faults: list[str] = []
    for server in servers:
        name = "the store" if len(servers) == 1 else f"the store's node {server.shown}"
        faults += [f"{name} {fault}" for fault in await _faults_of(server)]
    return faults


async def _faults_of(server: Server) -> list[str]:
    info: bytes = await server.run("INFO", "everything")
    facts = dict(
        line.split(":", 1) for line in info.decode(errors="replace").splitlines() if ":" in line
    )
    return [
        text.format(value=facts[name])
        for name, is_fault, text in _WARNINGS
        if name in facts and is_fault(facts[name])
    ]
