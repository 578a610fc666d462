"""Every key in the store: its name, type, content and expiry. No key is named anywhere else.

All of a user's keys carry the hash tag `{u:<user id>}`, so that in a Cluster they share a slot and
one script may touch them together. Deployment-wide keys have no tag: each is its own slot, and no
script touches two of them; but everyone's limits and totals stand in the slot of the empty user id.
Erasing a user deletes every key of the first section but `user_gone`
and those of usage, which know the user by the random id alone.

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
    """Text: when a user was removed, and how much (`Gone` as JSON). Kept: the id never comes back."""
    return _of_user(user_id, "gone")


def user_seals(user_id: str) -> str:
    """Text: how many context records were sealed under the current data key. Until erased."""
    return _of_user(user_id, "seals")


def context(user_id: str, kind: str) -> str:
    """Hash: record's field (`context/sealed.py`) → tokens, day, sealed record. Until deleted."""
    return _of_user(user_id, f"context:{kind}")


def context_days(user_id: str, kind: str) -> str:
    """Sorted set: fields of the hash beside it by their day (`date.toordinal`, 0 for none): likewise."""
    return _of_user(user_id, f"context-days:{kind}")


def usage_day(user_id: str, day: str) -> str:
    """Hash: a user's totals of a day, as `accounting/day_totals.py` says. Expiry: `ledger.keep_totals_days`."""
    return _of_user(user_id, f"usage:day:{day}")


def usage_rows(user_id: str) -> str:
    """Stream: the last ledger rows, capped by number and age. Expiry: `ledger.keep_days`."""
    return _of_user(user_id, "usage:rows")


def limit_used(user_id: str, subject: str, measure: str, window: str) -> str:
    """Text: what a subject of the user has used of a limit's measure in a window, an integer.

    Costs in nano-dollars. An empty user id is everyone's slot. Expiry: an hour after the window.
    """
    return _of_user(user_id, f"used:{subject}:{measure}:{window}")


def limit_held(user_id: str) -> str:
    """Hash: `<subject>:<measure>:<window>` → what is set aside for requests on their way. Expiry: a day after the last lease."""
    return _of_user(user_id, "held")


def limit_leases(user_id: str) -> str:
    """Sorted set: request id → until when its hold lasts at most (Unix milliseconds). Expiry: likewise."""
    return _of_user(user_id, "holds")


def limit_parts(user_id: str) -> str:
    """Hash: request id → `<field of held> <amount>` and so on, separated by spaces. Expiry: likewise."""
    return _of_user(user_id, "hold-parts")


def usage_marks(user_id: str) -> str:
    """Hash: spool → `<number of its last booking applied> <day>`. Expiry: 40 days after the last."""
    return _of_user(user_id, "usage:marks")


def usage_request(user_id: str, request_id: str) -> str:
    """Hash: attempt number → ledger row as JSON, for `?request_id=`. Expiry: `ledger.keep_days`."""
    return _of_user(user_id, f"usage:request:{request_id}")


def usage_of(user_id: str) -> str:
    """Pattern for SCAN: the beginning of every key of this user's usage. Not a key."""
    return _of_user(user_id, "usage:")


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


def store_mark() -> str:
    """Text: a random mark by which a store that was emptied is told from the one before.

    Written once by `accounting/spool/store_mark.py`; kept for ever.
    """
    return f"{PREFIX}store-mark"


def keyring_check() -> str:
    """Hash: `kek:<id>`, `pepper`, `receipt` → check value, by which a changed secret is noticed.

    Also `added:<id>` (in a ring, wraps nothing yet) and `retired:<id>` (wraps nothing any more).
    """
    return f"{PREFIX}keyring"


def key_reports() -> str:
    """Hash: process → `<microseconds> <KeyReport as JSON>`: which KEKs it holds. Dropped when stale."""
    return f"{PREFIX}key-reports"


def kek_rotation() -> str:
    """Hash: `to` (the new primary), `cursor:<id>` (last user rewrapped under it). Until its end."""
    return f"{PREFIX}kek-rotation"


def all_user_deks() -> str:
    """Pattern for SCAN: the data keys of all users, and perhaps other types of keys. Not a key."""
    return f"{PREFIX}*:deks"


def retention_lease() -> str:
    """Text: who sweeps old context records at the moment. Expiry: a minute after the last sign."""
    return f"{PREFIX}retention-lease"


def retention_sweep() -> str:
    """Hash: `run` (day and rules of the sweep), `after` (last user done), `done` (1 at its end)."""
    return f"{PREFIX}retention"


def audit() -> str:
    """Stream: admin actions, append-only, capped by length."""
    return f"{PREFIX}audit"


def erasures() -> str:
    """Hash: user id → `Pending` as JSON: erasures that have not come to their end. Until they do."""
    return f"{PREFIX}erasures"


def erased() -> str:
    """Stream: `user`, an id each; by it workers drop what they hold of a user. Capped by length."""
    return f"{PREFIX}erased"


def receipt(receipt_id: str) -> str:
    """Text: the receipt of an erasure as JSON, unsigned. Kept without end."""
    return f"{PREFIX}receipt:{receipt_id}"


def kinds() -> str:
    """Sorted set, all scores 0: the names of all kinds of context there ever were. Kept."""
    return f"{PREFIX}kinds"


def rewrite_lease() -> str:
    """Text: who had the store's files written anew last. Expiry: a minute, so once a minute."""
    return f"{PREFIX}rewrite-lease"


def totals_day(day: str) -> str:
    """Hash: everyone's totals of a day (`accounting/day_totals.py`). Expiry: `ledger.keep_totals_days`.

    In the slot of everyone's limits, so that one script books on both.
    """
    return _of_user("", f"totals:{day}")
