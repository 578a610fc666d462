"""Google service accounts the sandbox knows, and the access tokens it issued to them."""

from collections import OrderedDict, deque
from typing import Any

from msgspec import Struct, field

from gateway.sandbox.ids import make_id
from gateway.sandbox.journal import fingerprint
from gateway.sandbox.rsa import PublicKey

TOKEN_START = "ya29.c.sandbox-"  # noqa: S105  # what the tokens we issue begin with
LIFETIME_S = 3599
_MAX_ACCOUNTS = 256
_MAX_TOKENS = 4096


class Account(Struct):
    """One registered account. `failures` are the statuses the next token requests get, in turn.

    `asked` counts token requests, `issued` tokens, `used` requests made with them.
    """

    client_email: str
    key: PublicKey
    key_id: str | None = None
    lifetime_s: int = LIFETIME_S
    failures: deque[int] = field(default_factory=deque)
    asked: int = 0
    issued: int = 0
    used: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return what `GET /sandbox/service-accounts` shows."""
        return {
            "client_email": self.client_email,
            "private_key_id": self.key_id,
            "token_lifetime_s": self.lifetime_s,
            "failures": list(self.failures),
            "token_requests": self.asked,
            "tokens_issued": self.issued,
            "requests": self.used,
        }


class _Token(Struct, frozen=True):
    account: Account
    expires: float


class ServiceAccounts:
    """The registered accounts, and the tokens that still mean something; the oldest go first."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._tokens: OrderedDict[str, _Token] = OrderedDict()

    def register(self, account: Account) -> None:
        """Add an account; one of the same address is replaced."""
        self._accounts[account.client_email] = account
        if len(self._accounts) > _MAX_ACCOUNTS:
            self._accounts.popitem(last=False)

    def find(self, client_email: str) -> Account | None:
        """Return an account by its address."""
        return self._accounts.get(client_email)

    def all(self) -> list[Account]:
        """Return all accounts, in the order they were registered."""
        return list(self._accounts.values())

    def issue(self, account: Account, now: float) -> str:
        """Return a new access token. `now` is Unix seconds."""
        token = make_id(TOKEN_START, 120)
        account.issued += 1
        self._tokens[fingerprint(token)] = _Token(account, now + account.lifetime_s)
        if len(self._tokens) > _MAX_TOKENS:
            self._tokens.popitem(last=False)
        return token

    def use(self, token: str, now: float) -> Account | None:
        """Return whose token this is, and count the use; None where it is not ours, or expired."""
        known = self._tokens.get(fingerprint(token))
        if known is None or known.expires <= now:
            return None
        known.account.used += 1
        return known.account

    def clear(self) -> None:
        """Forget accounts and tokens."""
        self._accounts.clear()
        self._tokens.clear()
