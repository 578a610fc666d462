"""When a new KEK may begin to wrap: once every live process can unwrap what it wraps."""

from gateway.store.base import Store
from gateway.vault.key_reports import read_reports
from gateway.vault.key_ring import KeyRing
from gateway.vault.registry import read_registry


async def ready_ring(
    store: Store, wanted: KeyRing, running: KeyRing | None, process: str
) -> KeyRing:
    """Return the ring to use now: as wanted, or with the primary of before while somebody lags.

    `running` is the ring in force here, `process` ourselves in the reports. An id that has been a
    primary anywhere is one here at once. Raises StoreAway.
    """
    registry = await read_registry(store)
    if wanted.primary in registry.needed:
        return wanted
    if running is not None and running.primary in wanted.ids:
        before: int | None = running.primary
    else:
        before = max(registry.needed.keys() & set(wanted.ids), default=None)
    if before is None or before == wanted.primary:
        return wanted
    check_value = wanted.check_values()[wanted.primary]
    others = [report for report in await read_reports(store) if report.process != process]
    if all(report.holds(wanted.primary, check_value) for report in others):
        return wanted
    return wanted.with_primary(before)
