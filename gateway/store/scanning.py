"""Finds every key of a pattern, on every server that holds any."""

from collections.abc import AsyncIterator
from typing import Final

from gateway.store.base import Argument
from gateway.store.node import Node, Router
from gateway.store.slot_map import tag_in

PAGE: Final = 1_000
MOST_ROUNDS: Final = 3


async def scan(router: Router, pattern: str, kind: str | None) -> AsyncIterator[list[bytes]]:
    """Yield pages of keys. See `Store.scan`.

    A key that is moved from one node to another meanwhile could be missed on both. So where keys
    are on their way, or were given away during a round, there is another one: what left a node
    before it was looked at has arrived by then.
    """
    tag = tag_in(pattern)
    before = await router.holders(tag)
    for _ in range(MOST_ROUNDS):
        for node in before.nodes:
            async for page in _scan_node(node, pattern, kind):
                yield page
        after = await router.holders(tag)
        if after == before and not after.moving:
            return
        before = after


async def _scan_node(node: Node, pattern: str, kind: str | None) -> AsyncIterator[list[bytes]]:
    cursor: bytes = b"0"
    only: tuple[Argument, ...] = () if kind is None else ("TYPE", kind)
    while True:
        cursor, found = await node.run("SCAN", cursor, "MATCH", pattern, "COUNT", PAGE, *only)
        if found:
            yield found
        if int(cursor) == 0:
            return
