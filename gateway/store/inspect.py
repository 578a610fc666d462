"""What about a server that we did not start could lose data behind our back."""

from gateway.store.base import Store

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
    """Return a sentence per fault, empty for a good server; says nothing of what it cannot see.

    Raises StoreAway.
    """
    info: bytes = await store.run("INFO", "everything")
    facts = dict(
        line.split(":", 1) for line in info.decode(errors="replace").splitlines() if ":" in line
    )
    return [
        "the store " + text.format(value=facts[name])
        for name, is_fault, text in _WARNINGS
        if name in facts and is_fault(facts[name])
    ]
