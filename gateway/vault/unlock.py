"""Open the deployment at start: read the secrets, prove that they are the ones of this store.

The store keeps a check value of every secret its records need (`names.keyring_check()`). A secret
that is missing or other than the stored check value says refuses the start, before anything is
written.
"""

import base64
import os
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Final, NoReturn

from msgspec import Struct

from gateway.errors import ConfigError
from gateway.store import names
from gateway.store.base import Script, Store
from gateway.vault.codec import KEY_BYTES, can_wrap
from gateway.vault.derive import FINGERPRINT, check_value, derive
from gateway.vault.key_files import KeySources, SecretSource, read_source, write_new_secret
from gateway.vault.key_ring import KeyRing, read_key_ring, read_secret

_PEPPER_FIELD: Final = "pepper"
_KEK_FIELD: Final = "kek:"

# ARGV: field, check value, … of every secret at hand. All stored ones must agree before one is
# added, in one step: two replicas that start at the same moment cannot both be first.
REGISTER_KEYS: Final = Script(
    "register_keys",
    """
local mine = {}
for i = 1, #ARGV, 2 do mine[ARGV[i]] = ARGV[i + 1] end
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
  if mine[stored[i]] == nil then return {'missing', stored[i]} end
  if mine[stored[i]] ~= stored[i + 1] then return {'changed', stored[i]} end
end
redis.call('HSET', KEYS[1], unpack(ARGV))
return {'ok', ''}
""",
)


class DeploymentKeys:
    """The opened secrets of a deployment; held for the life of the process, never shown."""

    __slots__ = ("fingerprint_key", "pepper", "ring")

    def __init__(self, ring: KeyRing, pepper: bytes) -> None:
        self.ring = ring
        self.pepper = pepper
        self.fingerprint_key = derive(pepper, FINGERPRINT)

    def check_values(self) -> dict[str, str]:
        """Return the public check values under their field names in the store."""
        fields = {f"{_KEK_FIELD}{kek_id}": v for kek_id, v in self.ring.check_values().items()}
        return fields | {_PEPPER_FIELD: check_value(self.pepper)}

    def __repr__(self) -> str:
        return f"DeploymentKeys({self.ring!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("DeploymentKeys cannot be pickled")


class Unlocked(Struct, frozen=True):
    """What a start ends with: the keys, and lines the operator must read."""

    keys: DeploymentKeys
    notices: tuple[str, ...]


class _Obtained(Struct, frozen=True):
    """The text of a secret, and the file it was just written to if this start made it."""

    text: str
    made: Path | None = None
    notice: str | None = None

    def __repr__(self) -> str:
        return f"_Obtained(made={self.made})"


async def unlock(
    store: Store,
    sources: KeySources,
    environ: MutableMapping[str, str],
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> Unlocked:
    """Read the secrets, make those a first run lacks, and check them against the store.

    Raises ConfigError naming the setting (never the value) for a secret that is missing, malformed,
    readable by others, made up, or not the one this store was sealed with. Raises StoreAway.
    """
    if not can_wrap():
        raise ConfigError("needs AES-GCM-SIV: OpenSSL 3.2 or later", sources.kek.setting)
    registered = [field.decode() for field in await store.run("HKEYS", names.keyring_check())]
    sealed = any(field.startswith(_KEK_FIELD) for field in registered)
    kek = _obtain(sources.kek, environ, lambda: _new_ring_text(random_bytes), needed=sealed)
    ring = read_key_ring(kek.text, sources.kek.setting)
    hashed = _PEPPER_FIELD in registered
    pepper = _obtain(sources.pepper, environ, lambda: _new_secret_text(random_bytes), needed=hashed)
    keys = DeploymentKeys(ring, read_secret(pepper.text, sources.pepper.setting))
    try:
        await register_keys(store, keys, sources)
    except ConfigError:
        # Refused, so nothing was sealed with them: they must not stand in a restored key's place.
        for obtained in (kek, pepper):
            if obtained.made is not None:
                obtained.made.unlink(missing_ok=True)
        raise
    return Unlocked(keys, tuple(each.notice for each in (kek, pepper) if each.notice is not None))


async def register_keys(store: Store, keys: DeploymentKeys, sources: KeySources) -> None:
    """Compare the secrets with the store's check values and add the values of new KEK ids.

    Raises ConfigError if one that the store needs is missing or other than it was.
    """
    pairs = [part for pair in keys.check_values().items() for part in pair]
    verdict, field = await store.script(REGISTER_KEYS, [names.keyring_check()], pairs)
    if verdict != b"ok":
        _refuse(verdict.decode(), field.decode(), sources)


def _refuse(verdict: str, field: str, sources: KeySources) -> NoReturn:
    is_kek = field.startswith(_KEK_FIELD)
    setting = (sources.kek if is_kek else sources.pepper).setting
    what = f"key id {field.removeprefix(_KEK_FIELD)}" if is_kek else "the token pepper"
    if verdict == "missing":
        raise ConfigError(f"{what} is not given, but this store needs it; restore it", setting)
    raise ConfigError(f"{what} is not the one this store was sealed with; restore it", setting)


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
        return _Obtained(text, notice=_variable_notice(source) if from_variable else None)
    place = " or ".join(
        ([f"the file {source.path}"] if source.path else [])
        + ([f"the variable {source.variable}"] if source.variable else [])
    )
    if needed:
        raise ConfigError(
            f"this store is sealed with a key that is not here: restore {place}", source.setting
        )
    if not source.generate or source.path is None:
        raise ConfigError(f"is missing: expected {place}", source.setting)
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
