"""What the nodes of a Cluster say of who holds which slot, read into values. Pure.

The formats are those of CLUSTER SLOTS, CLUSTER INFO and CLUSTER NODES as Redis 6 to 8 and Valkey 7 to
9 send them (https://redis.io/docs/latest/commands/cluster-slots/ and beside it, 2026-11).
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from gateway.store.base import Argument

SLOTS: Final = REDIS_CLUSTER_HASH_SLOTS
_INFO: Final = re.compile(rb"^(cluster_state|cluster_current_epoch):(\w+)", re.MULTILINE)
_TARGET: Final = re.compile(r"\[\d+->-(\w+)\]")


class Place(Struct, frozen=True):
    """Where a node answers."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Stretch(Struct, frozen=True):
    """Slots `first` to `last`, both included, and the master that holds them."""

    first: int
    last: int
    place: Place


class SlotMap(Struct, frozen=True):
    """One node's view. Of two views the one with the higher `rank` is to be believed."""

    stretches: tuple[Stretch, ...]
    is_ok: bool
    epoch: int

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """A node that was cut off from the others says `fail`, or knows an older epoch."""
        return bool(self.stretches), self.is_ok, self.epoch


class OwnView(Struct, frozen=True):
    """What a node says of itself: the slots it holds, and those on their way to or from it."""

    slots: frozenset[int]
    moving: frozenset[int]
    targets: tuple[Place, ...]
    """Where slots of its own are being moved to."""


def slot_of(key: Argument) -> int:
    """Return the slot of a key."""
    return key_slot(key if isinstance(key, bytes) else str(key).encode())


def read_map(info: Any, slots: Sequence[Any], asked_host: str) -> SlotMap:
    """Read the replies to CLUSTER INFO and CLUSTER SLOTS. Raises ValueError for what is neither.

    A node that does not know its own address means the one at which it was asked.
    """
    facts = dict(_INFO.findall(info)) if isinstance(info, bytes) else {}
    try:
        stretches = tuple(
            Stretch(int(first), int(last), _place(master[0], master[1], asked_host))
            for first, last, master, *_ in slots
        )
    except (TypeError, ValueError, IndexError) as error:
        raise ValueError("no slot map") from error
    if any(not 0 <= each.first <= each.last < SLOTS for each in stretches):
        raise ValueError("no slot map")
    epoch = int(facts.get(b"cluster_current_epoch", b"0"))
    # A server whose rules forbid CLUSTER INFO is taken to serve.
    return SlotMap(stretches, facts.get(b"cluster_state", b"ok") == b"ok", epoch)


def read_own_view(nodes: bytes) -> OwnView:
    """Read of CLUSTER NODES the line of the node that was asked. Raises ValueError."""
    lines = [line.split() for line in nodes.decode(errors="replace").splitlines()]
    places = {line[0]: line[1] for line in lines if len(line) > 7}
    for line in lines:
        if len(line) > 7 and "myself" in line[2].split(","):
            marks = [word for word in line[8:] if word.startswith("[")]
            targets = [places[t] for mark in marks for t in _TARGET.findall(mark) if t in places]
            return OwnView(
                frozenset(s for word in line[8:] if word not in marks for s in _numbers(word)),
                frozenset(int(mark[1:].partition("-")[0]) for mark in marks),
                tuple(_place_in_list(target) for target in targets),
            )
    raise ValueError("no list of nodes")


def tag_in(pattern: str) -> str | None:
    """Return the hash tag that all keys of a pattern share, in braces; None if they share none."""
    fixed = re.split(r"[*?\[\\]", pattern, maxsplit=1)[0]
    found = re.search(r"^[^{]*(\{[^}]+\})", fixed)
    return found[1] if found else None


def _numbers(word: str) -> range:
    first, _, last = word.partition("-")
    return range(int(first), int(last or first) + 1)


def _place(host: Any, port: Any, asked_host: str) -> Place:
    text = host.decode() if isinstance(host, bytes) else ""
    return Place(text if text not in ("", "?") else asked_host, int(port))


def _place_in_list(text: str) -> Place:
    """Read `ip:port@bus port,hostname,…`."""
    host, _, port = text.partition("@")[0].rpartition(":")
    return Place(host, int(port))
