"""Tokens of the operator: they belong to no user, and can neither call models nor read context."""

import os
from typing import Final

from msgspec import Struct

from gateway.errors import AuthenticationFailed, InvalidRequest, NotFound
from gateway.identity.account import StoredToken, decode, encode
from gateway.identity.accounts import is_expired
from gateway.identity.ids import RandomBytes, new_token_id
from gateway.identity.minting import TokenRequest, decide_grant
from gateway.identity.tokens import TokenKind, digest, mint, read_bearer, same_digest
from gateway.identity.user_tokens import Minted
from gateway.store import names
from gateway.store.base import Store
from gateway.types.account import Need, TokenInfo
from gateway.types.clock import Clock

_SHOWN: Final = 4


class Admin(Struct, frozen=True):
    """An authenticated admin token."""

    token: TokenInfo


class AdminTokens:
    """Mints, lists, revokes and recognises admin tokens.

    Nothing of them is held in memory: admin routes answer 503 while the store is away.
    """

    def __init__(
        self,
        store: Store,
        pepper: bytes,
        clock: Clock,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self._store = store
        self._pepper = pepper
        self._clock = clock
        self._random_bytes = random_bytes

    async def authenticate(self, authorization: str | None) -> Admin:
        """Return the admin of an `Authorization` header. Raises AuthenticationFailed, StoreAway."""
        hashed = digest(self._pepper, read_bearer(authorization, TokenKind.ADMIN))
        blob = await self._store.run("HGET", names.admin_tokens(), hashed)
        if blob is None:
            raise AuthenticationFailed
        stored = decode(blob, StoredToken)
        if not same_digest(stored.digest, hashed) or not stored.info.admin:
            raise AuthenticationFailed
        if is_expired(stored.info, self._clock.now()):
            raise AuthenticationFailed
        return Admin(stored.info)

    async def mint(self, request: TokenRequest, *, created_by: str = "admin") -> Minted:
        """Make an admin token (`created_by`: admin or cli). Raises InvalidRequest, StoreAway."""
        for member in ("allows", "scope_ceiling", "models"):
            if getattr(request, member) is not None:
                raise InvalidRequest("Not a member of an admin token.", param=member)
        now = self._clock.now()
        grant = decide_grant(request, None, now)
        token = mint(TokenKind.ADMIN, self._random_bytes)
        info = TokenInfo(
            id=new_token_id(self._random_bytes),
            name=grant.name,
            last4=token.reveal()[-_SHOWN:],
            created=int(now),
            allows=(Need.ADMIN, Need.METRICS),
            created_by=created_by,
            expires=grant.expires,
            admin=True,
        )
        hashed = digest(self._pepper, token.reveal())
        stored = encode(StoredToken(info, hashed))
        await self._store.run("HSET", names.admin_tokens(), hashed, stored)
        return Minted(info, token)

    async def list_tokens(self) -> list[TokenInfo]:
        """Return all admin tokens, oldest first. Raises StoreAway."""
        stored = await self._read()
        return sorted((token.info for token in stored), key=lambda info: (info.created, info.id))

    async def revoke(self, token_id: str) -> TokenInfo:
        """Revoke an admin token at once and return what it was. Raises NotFound, StoreAway."""
        for stored in await self._read():
            if stored.info.id == token_id:
                if await self._store.run("HDEL", names.admin_tokens(), stored.digest):
                    return stored.info
                break
        raise NotFound("No such token.")

    async def _read(self) -> list[StoredToken]:
        blobs = await self._store.run("HVALS", names.admin_tokens())
        return [decode(blob, StoredToken) for blob in blobs]
