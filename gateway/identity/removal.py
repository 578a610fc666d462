"""The removal of a user: one step in their slot, then the traces that lead there from outside.

The step destroys what makes everything else readable (data keys) and usable (tokens, provider keys)
together with the records, and leaves a mark in the user's place. The mark counts what was
destroyed and says which traces are still to be removed, so that a removal that is cut short
anywhere can be finished by whoever finds it.
"""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from gateway.errors import NotFound
from gateway.identity.ids import is_user_id
from gateway.identity.scripts import RELEASE_NAME, REMOVE_USER
from gateway.identity.user_index import UserIndex
from gateway.store import names
from gateway.store.base import Store


class Destroyed(Struct, frozen=True):
    """How much of a user was destroyed. `records` are counted by kind of context, where there were any."""

    data_keys: int
    tokens: int
    provider_keys: int
    records: Mapping[str, int]


class Gone(Struct, frozen=True, omit_defaults=True):
    """What stands in the place of a removed user; their id is never given a record again.

    `at` is Unix seconds, `receipt` an id of the caller's. `external_id` and `digests` (of tokens,
    joined by commas) name the traces outside the user's slot for as long as these may be there.
    """

    at: int
    receipt: str
    destroyed: Destroyed
    created: int = 0
    external_id: str | None = None
    digests: str = ""


async def remove_slot(
    store: Store, user_id: str, kinds: Iterable[str], receipt: str, now: int
) -> Gone:
    """Destroy a user's keys, tokens and records of the given kinds in one step.

    Raises NotFound (also for a user who is gone already), StoreAway.
    """
    if not is_user_id(user_id):
        raise NotFound("No such user.")
    listed = tuple(dict.fromkeys(kinds))
    blob = await store.script(
        REMOVE_USER,
        [
            names.user(user_id),
            names.user_gone(user_id),
            names.user_tokens(user_id),
            names.user_deks(user_id),
            names.user_keys(user_id),
            names.user_key_marks(user_id),
            names.user_seals(user_id),
            *(key for kind in listed for key in _keys_of_kind(user_id, kind)),
        ],
        [now, receipt, *listed],
    )
    if blob is None:
        raise NotFound("No such user.")
    return msgspec.json.decode(blob, type=Gone)


async def read_gone(store: Store, user_id: str) -> Gone | None:
    """Return the mark of a removed user, None if there is none. Raises StoreAway."""
    if not is_user_id(user_id):
        return None
    blob = await store.run("GET", names.user_gone(user_id))
    try:
        return None if blob is None else msgspec.json.decode(blob, type=Gone)
    except msgspec.DecodeError:  # put there by hand: it still keeps the id from coming back
        return None


async def remove_traces(store: Store, index: UserIndex, user_id: str, gone: Gone) -> None:
    """Remove what leads to a removed user from outside; harmless when repeated. Raises StoreAway."""
    for digest in filter(None, gone.digests.split(",")):
        await store.run("DEL", names.token_index(digest))
    if gone.external_id is not None:
        claim = claim_text(user_id, gone.created)
        await store.script(RELEASE_NAME, [names.external_id(gone.external_id)], [claim])
    await index.remove(user_id, gone.created, gone.external_id)
    clean = msgspec.structs.replace(gone, external_id=None, digests="")
    if clean != gone:
        await store.run("SET", names.user_gone(user_id), msgspec.json.encode(clean))


def claim_text(user_id: str, created: int) -> str:
    """Return what the index of external ids says of a user."""
    return f"{user_id} {created}"


def _keys_of_kind(user_id: str, kind: str) -> tuple[str, str]:
    return names.context(user_id, kind), names.context_days(user_id, kind)
