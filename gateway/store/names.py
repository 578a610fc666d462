"""Every key in the store: its name, type, content and expiry. No key is named anywhere else.

All of a user's keys carry the hash tag `{u:<user id>}`, so that in a Cluster they share a slot and
one script may touch them together. Deployment-wide keys have no tag: each is its own slot, and no
script touches two of them. Erasing a user deletes every key of the first section.

Ids are random text from us (`identity`), never a user's own words, so a name needs no escaping;
`external_id` is the operator's text and stands at the end of its name for that reason.
Days are `YYYY-MM-DD` in UTC.
"""

PREFIX = "gw:"


def _of_user(user_id: str, what: str) -> str:
    return f"{PREFIX}{{u:{user_id}}}:{what}"


# --- one user -------------------------------------------------------------------------------


def user(user_id: str) -> str:
    """Hash: `record` (UserRecord as JSON), `epoch` (integer). Kept until erased."""
    return _of_user(user_id, "user")


def user_tokens(user_id: str) -> str:
    """Hash: token id → TokenInfo as JSON with its digest. Kept until erased."""
    return _of_user(user_id, "tokens")


def user_keys(user_id: str) -> str:
    """Hash: provider key's name → ProviderKeyInfo as JSON with the sealed secret. Until erased."""
    return _of_user(user_id, "keys")


def user_deks(user_id: str) -> str:
    """Hash: DEK id → the wrapped data key. Deleting it is the erasure of all sealed records."""
    return _of_user(user_id, "deks")


def user_key_marks(user_id: str) -> str:
    """Hash: provider key's name → when it was last used and how it fared. Until erased."""
    return _of_user(user_id, "key-marks")


def user_probes(user_id: str, minute: int) -> str:
    """Text: how often the user had keys tested in this minute (since 1970). Expiry: 2 minutes."""
    return _of_user(user_id, f"probes:{minute}")


def user_gone(user_id: str) -> str:
    """Text: when the user was removed (Unix seconds): the id is never given a record again."""
    return _of_user(user_id, "gone")


def context(user_id: str, kind: str) -> str:
    """Hash: record id → sealed record. One hash per kind. Kept until deleted or erased."""
    return _of_user(user_id, f"context:{kind}")


def usage_day(user_id: str, day: str) -> str:
    """Hash: day/model/feature totals of the ledger, integers. Expiry: retention of the ledger."""
    return _of_user(user_id, f"usage:day:{day}")


def usage_rows(user_id: str) -> str:
    """Stream: the last ledger rows, capped by length. Expiry: retention of the ledger."""
    return _of_user(user_id, "usage:rows")


def usage_request(user_id: str, request_id: str) -> str:
    """Hash: attempt number → ledger row as JSON, for `?request_id=`. Expiry: 35 days."""
    return _of_user(user_id, f"usage:request:{request_id}")


def everything_of(user_id: str) -> str:
    """Pattern for SCAN: every key of this user, for erasure and export. Not a key."""
    return _of_user(user_id, "*")


# --- the deployment -------------------------------------------------------------------------


def token_index(digest: str) -> str:
    """Text: `<user id> <token id>` of a user token's HMAC digest (hex). Expires with the token."""
    return f"{PREFIX}token:{digest}"


def external_id(external: str) -> str:
    """Text: `<user id> <creation time>` of an external id. Kept until the user is erased."""
    return f"{PREFIX}external:{external}"


def users() -> str:
    """Sorted set, all scores 0: `<creation time, 11 digits>:<user id>`, so oldest first."""
    return f"{PREFIX}users"


def external_ids() -> str:
    """Sorted set, all scores 0: `<external id> NUL <user id>`, for search by prefix."""
    return f"{PREFIX}externals"


def admin_tokens() -> str:
    """Hash: HMAC digest (hex) of an admin token → TokenInfo as JSON. Kept until revoked."""
    return f"{PREFIX}admin-tokens"


def schema() -> str:
    """Text: the version of this table, an integer. Read and written by `store/schema.py`."""
    return f"{PREFIX}schema"


def keyring_check() -> str:
    """Hash: `kek:<id>` and `pepper` → public check value, by which a changed secret is noticed."""
    return f"{PREFIX}keyring"


def audit() -> str:
    """Stream: admin actions, append-only, capped by length."""
    return f"{PREFIX}audit"


def totals_day(day: str) -> str:
    """Hash: the deployment's totals of one day. Expiry: retention of the ledger."""
    return f"{PREFIX}totals:{day}"
