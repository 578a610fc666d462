"""Rings of a rotation, and how they come to be on disk."""

import hashlib
from pathlib import Path

from gateway.vault.key_files import replace_secret
from gateway.vault.key_ring import KeyRing
from tests.rotation.scene import sources

KEYS = {number: hashlib.sha256(b"kek %d" % number).digest() for number in range(1, 4)}
OTHER = hashlib.sha256(b"another").digest()
RINGS = {
    "1": KeyRing({1: KEYS[1]}, 1),
    "1,2": KeyRing({1: KEYS[1], 2: KEYS[2]}, 1),
    "1,2 promoted": KeyRing({1: KEYS[1], 2: KEYS[2]}, 2),
    "2": KeyRing({2: KEYS[2]}, 2),
}


def put_ring(home: Path, ring: KeyRing) -> None:
    path = sources(home).kek.path
    assert path is not None
    path.parent.mkdir(mode=0o700, exist_ok=True, parents=True)
    replace_secret(path, ring.to_text(), "keys.kek")
