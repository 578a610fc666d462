"""Who is calling: from an `Authorization` header to a user, at one look at the store per request.

    header → token of the right shape?      no: refused, nothing is looked up
           → HMAC digest → owner            from memory, else the token index
           → the user's epoch               the one look-up that every request makes
           → account                        from memory if it has that epoch, else read again
           → this token: there, same digest, same owner, not expired; user not disabled

Every change of a user raises the epoch, so a revocation holds from the next request in every
worker. While the store is away, accounts confirmed within `trust_cached_s` are used as they are.
Whatever is wrong, the answer is the one constant `AuthenticationFailed`.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from gateway.errors import AuthenticationFailed, NotFound, StoreAway
from gateway.identity.account import Account, account_commands, is_whole, read_account
from gateway.identity.ids import is_user_id
from gateway.identity.recent import Recent
from gateway.identity.scripts import ADMISSION
from gateway.identity.tokens import TokenKind, digest, read_bearer, same_digest
from gateway.store import names
from gateway.store.base import Store
from gateway.types.account import TokenInfo
from gateway.types.clock import Clock
from gateway.vault.vault import DataKeys

_MOST_READS: Final = 3
_MOST_UNKNOWN: Final = 1024
_UNKNOWN_S: Final = 5.0


class Caller(Struct, frozen=True):
    """An authenticated user: the account and the token, both as of the request's beginning."""

    user_id: str
    token: TokenInfo
    account: Account


class _Owner(Struct, frozen=True):
    """What the token index says of a digest."""

    user_id: str
    token_id: str


class _Held(Struct, frozen=True):
    """An account in memory. `confirmed`: monotonic time at which the store last agreed with it."""

    account: Account
    confirmed: float


class Accounts:
    """Authenticates users and holds their accounts in memory. One per worker.

    `trust_cached_s` is how long an account may be used without the store; the two bounds are
    entries, not bytes (an account is a few kilobytes). `on_read` is awaited with the data keys of
    every account that comes from the store.
    """

    def __init__(  # noqa: PLR0913  # what it works with, and its bounds, keyword-only
        self,
        store: Store,
        pepper: bytes,
        clock: Clock,
        *,
        trust_cached_s: float = 60.0,
        most_accounts: int = 5_000,
        most_tokens: int = 20_000,
        on_read: Callable[[DataKeys], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._pepper = pepper
        self._clock = clock
        self._trust_cached_s = trust_cached_s
        self._held: Recent[str, _Held] = Recent(most_accounts)
        self._owners: Recent[str, _Owner] = Recent(most_tokens)
        self._unknown: Recent[str, float] = Recent(_MOST_UNKNOWN)
        self._on_read = on_read

    async def authenticate(self, authorization: str | None) -> Caller:
        """Return the user of an `Authorization` header.

        Raises AuthenticationFailed; StoreAway if the store is needed and away; RecordIntegrity if
        what is stored of this user cannot be read.
        """
        hashed = digest(self._pepper, read_bearer(authorization, TokenKind.USER))
        owner = self._owners.get(hashed) or await self._find_owner(hashed)
        account = await self._current(owner.user_id)
        return self._judge(hashed, owner, account)

    def recall(self, authorization: str | None) -> Caller | None:
        """Return the caller as memory has it, None if it does not know the token. No I/O.

        For a caller who runs ADMISSION together with something else: what comes back must go
        through `confirm` with that epoch before it is relied on. Raises AuthenticationFailed for
        a header that no store could make good.
        """
        hashed = digest(self._pepper, read_bearer(authorization, TokenKind.USER))
        owner = self._owners.get(hashed)
        held = self._held.get(owner.user_id) if owner is not None else None
        if owner is None or held is None:
            return None
        try:
            return self._judge(hashed, owner, held.account)
        except AuthenticationFailed:  # of what memory has: the store may know better by now
            return None

    async def confirm(self, caller: Caller, epoch: int | None) -> Caller:
        """Return the caller as of `epoch`, reading the account again if it has another one.

        Raises AuthenticationFailed if the token is not valid any more, StoreAway, RecordIntegrity.
        """
        stored = caller.account.tokens.get(caller.token.id)
        if stored is None:
            raise AuthenticationFailed
        owner = _Owner(caller.user_id, caller.token.id)
        account = await self._at_epoch(caller.user_id, epoch, self._clock.monotonic())
        return self._judge(stored.digest, owner, account)

    def trust(self, caller: Caller) -> None:
        """Let a caller pass whom memory knows well enough to serve without the store.

        Raises StoreAway for one whom the store has not confirmed within `trust_cached_s`.
        """
        held = self._held.get(caller.user_id)
        if held is None or self._clock.monotonic() - held.confirmed > self._trust_cached_s:
            raise StoreAway("The store is away.")

    async def is_revoked(self, caller: Caller, epoch: int | None) -> bool:
        """Whether a caller's token was revoked, or their user disabled or removed, as of `epoch`.

        A token that has merely expired is none of these: what it began may end. Raises StoreAway,
        RecordIntegrity.
        """
        try:
            account = await self._at_epoch(caller.user_id, epoch, self._clock.monotonic())
        except AuthenticationFailed:
            return True
        if account.record.disabled:
            return True
        is_there = account.tokens.get(caller.token.id) == caller.account.tokens.get(caller.token.id)
        return not is_there and not is_expired(caller.token, self._clock.now())

    def forget(self, user_id: str) -> None:
        """Drop what is held of a user; they are read again when they come."""
        self._held.drop(user_id)

    async def admit(self, user_id: str) -> int | None:
        """Return the user's epoch, None if there is no such user. Raises StoreAway."""
        epoch = await self._store.script(ADMISSION, [names.user(user_id)], [])
        return None if epoch is None else int(epoch)

    async def load(self, user_id: str) -> Account:
        """Read a user as of now. Raises NotFound, StoreAway, RecordIntegrity."""
        account = await self._read(user_id) if is_user_id(user_id) else None
        if account is None:
            raise NotFound("No such user.")
        return account

    async def _find_owner(self, hashed: str) -> _Owner:
        until = self._unknown.get(hashed)
        if until is not None and self._clock.monotonic() < until:
            raise AuthenticationFailed
        value = await self._store.run("GET", names.token_index(hashed))
        user_id, _, token_id = (value or b"").decode(errors="replace").partition(" ")
        if not is_user_id(user_id):
            self._unknown.put(hashed, self._clock.monotonic() + _UNKNOWN_S)
            raise AuthenticationFailed
        owner = _Owner(user_id, token_id)
        self._owners.put(hashed, owner)
        return owner

    async def _current(self, user_id: str) -> Account:
        """Return the account the store confirms, or a recent one while the store is away."""
        asked = self._clock.monotonic()
        try:
            return await self._at_epoch(user_id, await self.admit(user_id), asked)
        except StoreAway:
            held = self._held.get(user_id)
            if held is None or asked - held.confirmed > self._trust_cached_s:
                raise
            return held.account

    async def _at_epoch(self, user_id: str, epoch: int | None, asked: float) -> Account:
        held = self._held.get(user_id)
        if held is not None and held.account.epoch == epoch:
            account: Account | None = held.account
        else:
            account = None if epoch is None else await self._read(user_id)
        if account is None:
            self._held.drop(user_id)
            raise AuthenticationFailed
        self._held.put(user_id, _Held(account, asked))
        return account

    async def _read(self, user_id: str) -> Account | None:
        account = await self._read_once(user_id)
        for _ in range(_MOST_READS - 1):
            if account is None or is_whole(account):
                break
            account = await self._read_once(user_id)
        if account is not None and self._on_read is not None:
            await self._on_read(account.data_keys)
        return account

    async def _read_once(self, user_id: str) -> Account | None:
        return read_account(user_id, await self._store.run_many(account_commands(user_id)))

    def _judge(self, hashed: str, owner: _Owner, account: Account) -> Caller:
        """Decide whether this token may speak for this account, now."""
        token = account.tokens.get(owner.token_id)
        if token is None or not same_digest(token.digest, hashed):
            self._owners.drop(hashed)
            raise AuthenticationFailed
        if token.user_id != account.record.id or account.record.id != owner.user_id:
            raise AuthenticationFailed
        if account.record.disabled or is_expired(token.info, self._clock.now()):
            raise AuthenticationFailed
        return Caller(owner.user_id, token.info, account)


def is_expired(token: TokenInfo, now: float) -> bool:
    """Tell whether a token's time is over. `now` is wall-clock."""
    return token.expires is not None and token.expires <= now
