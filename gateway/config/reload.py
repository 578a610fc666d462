"""Takes a changed configuration into use: whole, or not at all."""

from collections.abc import Mapping
from pathlib import Path

from gateway.config.load import load
from gateway.config.schema import Config
from gateway.config.snapshot import Snapshot, Snapshots, compile_config
from gateway.errors import ConfigError, ConfigFaults

_FIXED = ("listeners", "workers", "store", "keys", "upstream")


def reload(
    snapshots: Snapshots, path: Path | None, environ: Mapping[str, str] | None = None
) -> Snapshot:
    """Load the configuration again and put it in force; requests in flight keep what they have.

    Raises ConfigFaults and changes nothing where the file has faults, or changes what only a
    restart can change. Reads files: not for an event loop.
    """
    loaded = load(path, environ)
    faults = restart_faults(snapshots.current.config, loaded.config)
    if faults:
        raise ConfigFaults(faults)
    snapshot = compile_config(loaded.config, loaded.secrets, snapshots.current.catalogue)
    snapshots.swap(snapshot)
    return snapshot


def restart_faults(running: Config, wanted: Config) -> list[ConfigError]:
    """Return a fault for each section that differs and cannot change in a running process."""
    return [
        ConfigError("cannot change while the gateway runs: it needs a restart", section)
        for section in _FIXED
        if getattr(running, section) != getattr(wanted, section)
    ]
