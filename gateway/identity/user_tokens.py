"""A user's tokens: mint, list, revoke."""

import os
from typing import Final

from msgspec import Struct

from gateway.errors import Conflict, NotFound
from gateway.identity.account import StoredToken, decode, encode
from gateway.identity.accounts import is_expired
from gateway.identity.ids import RandomBytes, is_user_id, new_token_id
from gateway.identity.minting import TokenRequest, decide_grant
from gateway.identity.scripts import PUT_TOKEN, REMOVE_TOKEN
from gateway.identity.tokens import TokenKind, digest, mint
from gateway.store import names
from gateway.store.base import Argument, Store
from gateway.types.account import TokenInfo
from gateway.types.clock import Clock
from gateway.types.secret import Secret

_MOST_TOKENS: Final = 100
_SHOWN: Final = 4
_INDEX_GRACE_S: Final = 86_400


class Minted(Struct, frozen=True):
    """A new token: what is kept of it, and the token itself, shown this once."""

    info: TokenInfo
    token: Secret


class UserTokens:
    """Mints, lists and revokes the tokens of users."""

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

    async def mint(
        self,
        user_id: str,
        request: TokenRequest,
        *,
        minter: TokenInfo | None = None,
        created_by: str = "user",
    ) -> Minted:
        """Make a token for a user.

        `minter` is the user's own token that asks; None for an admin or the command line, and then
        `created_by` says which of them (`admin`, `cli`).

        Raises InvalidRequest, NotAllowed (more than the minter has), NotFound, Conflict (too many
        tokens), StoreAway.
        """
        now = self._clock.now()
        grant = decide_grant(request, minter, now)
        token = mint(TokenKind.USER, self._random_bytes)
        info = TokenInfo(
            id=new_token_id(self._random_bytes),
            name=grant.name,
            last4=token.reveal()[-_SHOWN:],
            created=int(now),
            allows=grant.allows,
            created_by=created_by,
            expires=grant.expires,
            scope_ceiling=grant.scope_ceiling,
            models=grant.models,
            limits=grant.limits,
            within=grant.within,
        )
        hashed = digest(self._pepper, token.reveal())
        await self._keep(user_id, StoredToken(info, hashed, user_id))
        # Only now does the token work: the index never leads to a token that its owner cannot see.
        ends: list[Argument] = []
        if grant.expires is not None:  # in seconds from now: the store's clock may differ
            ends = ["EX", grant.expires - int(now) + _INDEX_GRACE_S]
        await self._store.run("SET", names.token_index(hashed), f"{user_id} {info.id}", *ends)
        return Minted(info, token)

    async def list_tokens(self, user_id: str) -> list[TokenInfo]:
        """Return a user's tokens, oldest first. Raises NotFound, StoreAway."""
        stored = await self._read(user_id)
        return sorted((token.info for token in stored), key=lambda info: (info.created, info.id))

    async def revoke(self, user_id: str, token_id: str) -> TokenInfo:
        """Revoke a user's token, from the next request on, and return what it was.

        Raises NotFound, also for a token of somebody else; StoreAway.
        """
        blob = None
        if is_user_id(user_id):
            keys = [names.user(user_id), names.user_tokens(user_id)]
            blob = await self._store.script(REMOVE_TOKEN, keys, [token_id])
        if blob is None:
            raise NotFound("No such token.")
        stored = decode(blob, StoredToken)
        await self._store.run("DEL", names.token_index(stored.digest))
        return stored.info

    async def _keep(self, user_id: str, token: StoredToken) -> None:
        now = self._clock.now()
        expired = [old.info.id for old in await self._read(user_id) if is_expired(old.info, now)]
        verdict = await self._store.script(
            PUT_TOKEN,
            [names.user(user_id), names.user_tokens(user_id)],
            [_MOST_TOKENS, token.info.id, encode(token), *expired],
        )
        if verdict == b"full":
            raise Conflict(f"At most {_MOST_TOKENS} tokens; revoke one.", code="too_many_tokens")
        if verdict != b"ok":
            raise NotFound("No such user.")

    async def _read(self, user_id: str) -> list[StoredToken]:
        if not is_user_id(user_id):
            raise NotFound("No such user.")
        present, blobs = await self._store.run_many(
            [
                ("HEXISTS", names.user(user_id), "record"),
                ("HVALS", names.user_tokens(user_id)),
            ]
        )
        if not present:
            raise NotFound("No such user.")
        return [decode(blob, StoredToken) for blob in blobs]
