"""What is left in the store: no token, no provider key, not twelve characters of one (A-05, B-19)."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import RecordIntegrity
from gateway.identity.audit import AuditLog
from gateway.identity.changes import NewUser, OwnChange
from gateway.identity.key_settings import OWN_ENDPOINT
from gateway.identity.minting import TokenRequest
from gateway.identity.provider_keys import KeyChange
from gateway.store.client import RedisStore
from gateway.vault.key_ring import KeyRing
from gateway.vault.vault import RecordType, Vault
from tests.identity.scene import OFFER, bearer, make_scene

WINDOW = 12
READ_BY_TYPE = {
    b"string": ("GET",), b"hash": ("HGETALL",), b"zset": ("ZRANGE", 0, -1), b"stream": ("XRANGE", "-", "+"),
}  # fmt: skip


async def dump(store: RedisStore) -> bytes:
    """Return every key and value in the store, as they are."""
    parts = []
    for key in await store.run("KEYS", "*"):
        command, *rest = READ_BY_TYPE[await store.run("TYPE", key)]
        parts.append(key)
        parts += flatten(await store.run(command, key, *rest))
    return b"\n".join(parts)


def flatten(reply: Any) -> Iterator[bytes]:
    if isinstance(reply, list):
        for part in reply:
            yield from flatten(part)
    else:
        yield bytes(reply)


def windows(secret: str) -> Iterator[bytes]:
    for start in range(len(secret) - WINDOW + 1):
        yield secret[start : start + WINDOW].encode()


def spellings(secret: str) -> Iterator[bytes]:
    """Every 12-character window, plain; and the whole in base64 and hex."""
    yield from windows(secret)
    yield base64.b64encode(secret.encode())[:-4]
    yield secret.encode().hex().encode()


async def test_a05_b19_no_window_of_a_secret_is_in_the_store_or_its_file(
    store: RedisStore,
) -> None:
    scene = make_scene(store)
    secrets = []
    audit = AuditLog(store, scene.clock)
    for number in range(3):
        user = await scene.users.create(NewUser(external_id=f"ext-{number}"))
        minted = await scene.tokens.mint(user.id, TokenRequest("app"), created_by="admin")
        await audit.record("cli", "token.mint", user.id, detail={"token": minted.info.id})
        own_key = f"sk-own-{number}-Qm9vYmFyZm9vYmFyYmF6cXV4"
        aws_key = f"wJalrXUtnFEMI/K7MDENG/bPxRfiCY{number}"
        await scene.keys.put(
            user.id, "mine",
            KeyChange(OWN_ENDPOINT, own_key, {"endpoint": "https://llm.example"}), OFFER,
        )  # fmt: skip
        await scene.keys.put(
            user.id, "bedrock",
            KeyChange(secret={"access_key_id": "AKIAIOSFODNN7EXAMPLE",
                              "secret_access_key": aws_key}), OFFER,
        )  # fmt: skip
        await scene.keys.note_use(user.id, "mine", "ok")
        await scene.users.change(user.id, OwnChange({"provider": "mine"}))
        await scene.accounts.authenticate(bearer(minted.token.reveal()))
        secrets += [minted.token.reveal(), own_key, aws_key]
    admin = await scene.admins.mint(TokenRequest("root"))
    await scene.admins.authenticate(bearer(admin.token.reveal()))
    secrets.append(admin.token.reveal())

    found = await dump(store)
    _, folder = await store.run("CONFIG", "GET", "dir")
    logs = log_files(folder.decode())

    assert b"ext-1" in found
    assert any(b"ext-1" in log for log in logs)
    for secret in secrets:
        for spelling in spellings(secret):
            assert spelling not in found
            assert not any(spelling in log for log in logs)


def log_files(folder: str) -> list[bytes]:
    """Return the content of the server's append-only files."""
    return [path.read_bytes() for path in Path(folder).rglob("*.aof") if path.is_file()]


async def test_without_the_key_ring_a_stolen_store_opens_nothing(store: RedisStore) -> None:
    """P3: the same store under another KEK: every open fails, none is nearly right."""
    scene = make_scene(store)
    user = await scene.users.create(NewUser())
    await scene.keys.put(user.id, "openai", KeyChange(secret="sk-0123456789abcdef"), OFFER)
    account = await scene.accounts.load(user.id)
    thief = Vault(KeyRing({1: bytes(range(50, 82))}, 1))

    with pytest.raises(RecordIntegrity):
        thief.open(
            account.data_keys, RecordType.PROVIDER_KEY, "openai", account.sealed["openai"], "openai"
        )
