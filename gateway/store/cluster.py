"""The router of a Redis Cluster: a link to each master, and a map of who holds which slot.

The map is read by one task, when something showed that it is old and while a master is away; at most
every `REST_S`. A node that says MOVED corrects it at once. What a node refused because it is not the
one to ask was not done, so it is sent again, within the time that a call may take; what a node did not
answer may have been done, so it never is.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from redis.exceptions import AskError, ClusterDownError, MovedError, ResponseError

from gateway.errors import StoreAway
from gateway.store.base import Argument, Command
from gateway.store.batch import Link
from gateway.store.node import Greeting, Holders, Node
from gateway.store.pack import pack
from gateway.store.replies import is_elsewhere
from gateway.store.slot_map import (
    SLOTS,
    OwnView,
    Place,
    SlotMap,
    read_map,
    read_own_view,
    slot_of,
)

REST_S: Final = 0.1
CHECK_S: Final = 0.5
_ASK_AT_MOST: Final = 3
_MOST_TRIES: Final = 16
_PAUSE_S: Final = 0.005
_LONGEST_PAUSE_S: Final = 0.04
_QUESTIONS: Final = (("CLUSTER", "INFO"), ("CLUSTER", "SLOTS"))
_ASKING: Final = pack(("ASKING",))


class Cluster:
    """Routes by slot. `seed` is a link to any node; the others are found by what it says.

    `on_new_life` is called with the run id of each process that serves as a master and did not
    before: a process started anew, a replica promoted, a node that joined. It is called with None
    when keys were given to other nodes while the one that held them did not answer.
    """

    def __init__(
        self, seed: Node, *, timeout_s: float, on_new_life: Callable[[str | None], None]
    ) -> None:
        self._seed = seed
        self._timeout_s = timeout_s
        self._on_new_life = on_new_life
        self._nodes: dict[Place, Node] = {}
        self._owners: list[Node | None] = [None] * SLOTS
        self._masters: tuple[Node, ...] = ()
        self._covered = False
        self._is_ok = False
        self._turn = 0
        self._wanted = asyncio.Event()
        self._round = asyncio.Event()
        self._settled = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._tend(), name="store-cluster")

    # --- where to --------------------------------------------------------------------------

    def link_for(self, key: Argument | None) -> Link:
        """Return the link to the master of `key`; None: to one that answers, if any does."""
        if key is None:
            return next((each.link for each in self._masters if each.is_up), self._seed.link)
        owner = self._owners[slot_of(key)]
        return self._seed.link if owner is None else owner.link

    def note_away(self) -> None:
        """Have the map read again."""
        self._wanted.set()

    async def masters(self) -> tuple[Node, ...]:
        """Return all masters as of now. Raises StoreAway where there are slots of none."""
        await self._read_anew()
        if not self._covered:
            raise StoreAway("no node holds a part of the keys")
        return self._masters

    @property
    def healthy(self) -> bool:
        """Whether every slot has a master and every master answers."""
        return self._covered and all(each.is_up for each in self._masters)

    @property
    def serves(self) -> bool:
        """Whether a master answers, and the nodes serve what is left when others do not."""
        return self._is_ok and any(each.is_up for each in self._masters)

    async def settled(self) -> None:
        """Wait until the map was read, or could not be, and every master has been dialled."""
        await self._settled.wait()
        await asyncio.gather(*(each.link.settled() for each in self._masters))

    async def aclose(self) -> None:
        """Close every link."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        nodes = (self._seed, *self._nodes.values())
        await asyncio.gather(*(each.link.aclose() for each in nodes), *self._closing)

    # --- nodes that are not the one to ask -------------------------------------------------

    async def mend(
        self, commands: Sequence[Command], replies: list[Any], key: Argument | None
    ) -> list[Any]:
        """Send again what was refused for being elsewhere. See `Router`."""
        replies = list(replies)
        pause_s = _PAUSE_S
        try:
            async with asyncio.timeout(self._timeout_s):
                for trial in range(_MOST_TRIES):
                    left = [n for n, reply in enumerate(replies) if is_elsewhere(reply)]
                    down = any(isinstance(replies[n], ClusterDownError) for n in left)
                    if not left or (down and trial):
                        break
                    if trial > 1 or any(not isinstance(replies[n], AskError) for n in left):
                        self.note_away()
                        await asyncio.sleep(pause_s)
                        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
                    calls = [self._send_again(commands[n], replies[n], key) for n in left]
                    for n, reply in zip(left, await asyncio.gather(*calls), strict=True):
                        replies[n] = reply
        except TimeoutError:
            raise StoreAway("the store's nodes do not agree on who holds this") from None
        return replies

    async def _send_again(self, command: Command, refusal: Any, key: Argument | None) -> Any:
        if isinstance(refusal, MovedError):
            node = self._node_at(self._place_in(refusal))
            self._owners[refusal.slot_id] = node
            self.note_away()
        elif isinstance(refusal, AskError):
            node = self._node_at(self._place_in(refusal))
            node.borrowed = True
            return (await node.link.submit(_ASKING + pack(command), 2))[1]
        else:
            return (await self.link_for(key).submit(pack(command), 1))[0]
        return (await node.ask((command,)))[0]

    def _place_in(self, refusal: AskError) -> Place:
        host, port = refusal.node_addr
        owner = self._owners[refusal.slot_id] or self._seed
        return Place(host if host not in ("", "?") else owner.address.host, port)

    # --- everything there is ---------------------------------------------------------------

    async def holders(self, tag: str | None) -> Holders:
        """Ask the masters themselves what they hold. See `Router`."""
        wanted = frozenset(range(SLOTS)) if tag is None else frozenset((slot_of(tag),))
        found = await self._look(wanted)
        if found is None:
            await self._read_anew()
            found = await self._look(wanted)
        if found is None:
            raise StoreAway("no node holds a part of the keys")
        return found

    async def _look(self, wanted: frozenset[int]) -> Holders | None:
        """Return who holds these slots; None if the nodes asked do not hold them all."""
        owners = {owner for slot in wanted if (owner := self._owners[slot]) is not None}
        nodes = tuple(node for node in self._masters if node in owners)
        views = await asyncio.gather(*(_own_view(node) for node in nodes))
        held = tuple(view.slots & wanted for view in views)
        if frozenset().union(*held) != wanted:
            return None
        moving = frozenset().union(*(view.moving & wanted for view in views))
        targets = {place for view in views for place in view.targets} if moving else set()
        # First those that give, then those that only take: a key on its way is met at either.
        taking = tuple(self._node_at(place) for place in sorted(targets, key=str))
        for node in taking:
            node.borrowed = True
        return Holders((*nodes, *(n for n in taking if n not in nodes)), held, moving)

    # --- the map ---------------------------------------------------------------------------

    async def _read_anew(self) -> None:
        """Wait for a reading of the map that begins from now on."""
        self._wanted.set()
        await self._round.wait()

    async def _tend(self) -> None:
        while True:
            self._wanted.clear()
            ending, self._round = self._round, asyncio.Event()
            with contextlib.suppress(StoreAway):
                self._adopt(await self._read())
            ending.set()
            self._settled.set()
            await asyncio.sleep(REST_S)
            while not self._wanted.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), CHECK_S)
                if not self.healthy:
                    break

    async def _read(self) -> SlotMap:
        """Ask several masters, and the seed where none answers, and believe the best informed."""
        self._turn += 1
        up = [each for each in self._masters if each.is_up]
        turn = self._turn % len(up) if up else 0
        asked = (up[turn:] + up[:turn])[:_ASK_AT_MOST]
        for nodes in (asked, [self._seed]):
            views = await asyncio.gather(*(_map_of(each) for each in nodes))
            if found := [view for view in views if view is not None and view.stretches]:
                return max(found, key=lambda view: view.rank)
        raise StoreAway("no node of the store tells who holds what")

    def _adopt(self, found: SlotMap) -> None:
        before, self._owners = self._owners, [None] * SLOTS
        for each in found.stretches:
            count = each.last - each.first + 1
            self._owners[each.first : each.last + 1] = [self._node_at(each.place)] * count
        self._is_ok = found.is_ok
        self._covered = None not in self._owners
        self._masters = tuple(dict.fromkeys(each for each in self._owners if each is not None))
        changed = zip(before, self._owners, strict=True)
        givers = {old for old, new in changed if old is not None and old is not new}
        if any(not giver.is_up for giver in givers):
            self._on_new_life(None)
        for place, node in tuple(self._nodes.items()):
            if node not in self._masters and not node.borrowed:
                del self._nodes[place]
                closing = self._loop.create_task(node.link.aclose(), name="store-link-close")
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
            node.borrowed = False

    def _node_at(self, place: Place) -> Node:
        node = self._nodes.get(place)
        if node is None:
            address = self._seed.address.at(place.host, place.port)
            node = Node(address, timeout_s=self._timeout_s, on_greeted=self._note_greeting)
            self._nodes[place] = node
        return node

    def _note_greeting(self, node: Node, greeting: Greeting) -> None:
        if node.note_process(greeting):
            self._on_new_life(greeting.run_id)


async def _map_of(node: Node) -> SlotMap | None:
    """Return the map of a node; None if it does not answer, or with none."""
    try:
        info, slots = await node.ask(_QUESTIONS)
        return read_map(info, slots, node.address.host)
    except (StoreAway, ResponseError, ValueError):
        return None


async def _own_view(node: Node) -> OwnView:
    try:
        return read_own_view(await node.run("CLUSTER", "NODES"))
    except ValueError:
        raise StoreAway("a node of the store does not tell what it holds") from None
