"""Open the deployment at start: read the secrets, prove that they are the ones of this store.

The store keeps a check value of every secret its records need (`names.keyring_check()`). A secret
that is missing or other than the stored check value says refuses the start, before anything is
written.
"""

import asyncio
import base64
import os
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import NoReturn

from msgspec import Struct

from gateway.errors import ConfigError
from gateway.store import names
from gateway.store.base import Store
from gateway.vault.codec import KEY_BYTES, can_wrap
from gateway.vault.derive import FINGERPRINT, check_value, derive
from gateway.vault.key_files import KeySources, SecretSource, read_source, write_new_secret
from gateway.vault.key_ring import KeyRing, read_key_ring, read_secret
from gateway.vault.promotion import ready_ring
from gateway.vault.registry import KEK_FIELD, PEPPER_FIELD, RECEIPT_FIELD, register_keys


class DeploymentKeys:
    """The opened secrets of a deployment; held for the life of the process, never shown."""

    __slots__ = ("fingerprint_key", "pepper", "receipt_key", "ring")

    def __init__(self, ring: KeyRing, pepper: bytes, receipt_key: bytes) -> None:
        self.ring = ring
        self.pepper = pepper
        self.receipt_key = receipt_key
        self.fingerprint_key = derive(pepper, FINGERPRINT)

    def check_values(self) -> dict[str, str]:
        """Return the public check values under their field names in the store."""
        fields = {f"{KEK_FIELD}{kek_id}": v for kek_id, v in self.ring.check_values().items()}
        return fields | {
            PEPPER_FIELD: check_value(self.pepper),
            RECEIPT_FIELD: check_value(self.receipt_key),
        }

    def __repr__(self) -> str:
        return f"DeploymentKeys({self.ring!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("DeploymentKeys cannot be pickled")


class Unlocked(Struct, frozen=True):
    """What a start ends with: the keys, and lines the operator must read."""

    keys: DeploymentKeys
    notices: tuple[str, ...]
    wanted: KeyRing  # as the ring was read; `keys.ring` may still have the primary of before
    kek_rereadable: bool  # not from a variable: that is gone once read


class _Obtained(Struct, frozen=True):
    """The text of a secret, and the file it was just written to if this start made it."""

    text: str
    made: Path | None = None
    notice: str | None = None
    from_variable: bool = False

    def __repr__(self) -> str:
        return f"_Obtained(made={self.made})"


async def unlock(
    store: Store,
    sources: KeySources,
    environ: MutableMapping[str, str],
    random_bytes: Callable[[int], bytes] = os.urandom,
    process: str = "",
) -> Unlocked:
    """Read the secrets, make those a first run lacks, and check them against the store.

    `process` is how this one is called in `vault/key_reports.py`. Raises ConfigError naming the
    setting (never the value) for a secret that is missing, malformed, readable by others, made up,
    or not the one this store was sealed with. Raises StoreAway.
    """
    if not can_wrap():
        raise ConfigError("needs AES-GCM-SIV: OpenSSL 3.2 or later", sources.kek.setting)
    registered = [field.decode() for field in await store.run("HKEYS", names.keyring_check())]
    sealed = any(field.startswith(KEK_FIELD) for field in registered)
    kek = await _obtain_kek(sources.kek, environ, random_bytes, needed=sealed)
    wanted = read_key_ring(kek.text, sources.kek.setting)
    ring = await ready_ring(store, wanted, None, process)
    hashed = PEPPER_FIELD in registered
    pepper = _obtain(sources.pepper, environ, lambda: _new_secret_text(random_bytes), needed=hashed)
    signed = RECEIPT_FIELD in registered
    receipt = _obtain(
        sources.receipt, environ, lambda: _new_secret_text(random_bytes), needed=signed
    )
    keys = DeploymentKeys(
        ring,
        read_secret(pepper.text, sources.pepper.setting),
        read_secret(receipt.text, sources.receipt.setting),
    )
    obtained = (kek, pepper, receipt)
    try:
        await register_keys(store, ring.primary, keys.check_values(), sources)
    except ConfigError:
        # Refused, so nothing was sealed with them: they must not stand in a restored key's place.
        for each in obtained:
            if each.made is not None:
                each.made.unlink(missing_ok=True)
        raise
    notices = tuple(each.notice for each in obtained if each.notice is not None)
    return Unlocked(keys, notices, wanted, kek_rereadable=not kek.from_variable)


def read_ring_again(source: SecretSource) -> KeyRing:
    """Read the ring of a running process anew, from its file or program. Blocks.

    Raises ConfigError.
    """
    text = read_source(source, {})
    if text is None:
        raise ConfigError(f"is gone: expected {source.shown}", source.setting)
    return read_key_ring(text, source.setting)


async def _obtain_kek(
    source: SecretSource,
    environ: MutableMapping[str, str],
    random_bytes: Callable[[int], bytes],
    *,
    needed: bool,
) -> _Obtained:
    def obtain() -> _Obtained:
        return _obtain(source, environ, lambda: _new_ring_text(random_bytes), needed=needed)

    # A program may take its time; a file does not.
    return await asyncio.to_thread(obtain) if source.command else obtain()


def _obtain(
    source: SecretSource,
    environ: MutableMapping[str, str],
    make_text: Callable[[], str],
    *,
    needed: bool,
) -> _Obtained:
    """Read a secret; make it if this is a first run, that is, if the store does not need it yet."""
    from_variable = source.variable is not None and source.variable in environ
    text = read_source(source, environ)
    if text is not None:
        notice = _variable_notice(source) if from_variable else None
        return _Obtained(text, notice=notice, from_variable=from_variable)
    if needed:
        raise ConfigError(
            f"this store is sealed with a key that is not here: restore {source.shown}",
            source.setting,
        )
    if not source.generate or source.path is None:
        raise ConfigError(f"is missing: expected {source.shown}", source.setting)
    if write_new_secret(source.path, make_text(), source.setting):
        return _Obtained(read_source(source, environ) or "", source.path, _made_notice(source.path))
    return _Obtained(read_source(source, environ) or "")


def _variable_notice(source: SecretSource) -> str:
    return (
        f"{source.setting} was read from the variable {source.variable}: the process table may "
        "still show it; a file of mode 0600 is safer."
    )


def _made_notice(path: Path) -> str:
    return (
        f"Made {path}. Back it up now, apart from the data: without it nothing stored with it "
        "can ever be opened or recognised again."
    )


def _new_ring_text(random_bytes: Callable[[int], bytes]) -> str:
    return KeyRing({1: random_bytes(KEY_BYTES)}, primary=1).to_text()


def _new_secret_text(random_bytes: Callable[[int], bytes]) -> str:
    return base64.b64encode(random_bytes(KEY_BYTES)).decode() + "\n"
