"""What nodes of a Cluster say, as several servers say it."""

from typing import Any

import pytest

from gateway.store.slot_map import (
    OwnView,
    Place,
    SlotMap,
    Stretch,
    read_map,
    read_own_view,
    slot_of,
    tag_in,
)

OK = b"cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_current_epoch:7\r\n"
REPLICA = [b"10.0.0.9", 6379, b"r" * 40]


def test_keys_with_one_tag_share_a_slot() -> None:
    assert slot_of("gw:{u:abc}:user") == slot_of(b"gw:{u:abc}:usage:rows") == slot_of("u:abc")
    assert slot_of("123456789") == 0x31C3  # the example of the specification


@pytest.mark.parametrize(
    ("master", "place"),
    [
        ([b"10.0.0.1", 6379], Place("10.0.0.1", 6379)),
        ([b"10.0.0.1", 6379, b"i" * 40, [b"hostname", b"a.example"]], Place("10.0.0.1", 6379)),
        ([b"a.example", 6380, b"i" * 40, [b"ip", b"10.0.0.1"]], Place("a.example", 6380)),
        ([b"", 6379, b"i" * 40], Place("asked", 6379)),  # it does not know its own address yet
        ([None, 6379, b"i" * 40, []], Place("asked", 6379)),  # "cluster-preferred-endpoint-type"
        ([b"?", 6379, b"i" * 40, []], Place("asked", 6379)),
    ],
)
def test_a_master_is_where_the_server_says(master: list[Any], place: Place) -> None:
    found = read_map(OK, [[0, 16383, master, REPLICA]], "asked")
    assert found == SlotMap((Stretch(0, 16383, place),), is_ok=True, epoch=7)


@pytest.mark.parametrize(
    "reply", [[[0]], [[0, 5, 6]], [[5, 4, [b"h", 1]]], [[0, 16384, [b"h", 1]]]]
)
def test_what_is_no_map_is_refused(reply: list[Any]) -> None:
    with pytest.raises(ValueError, match="no slot map"):
        read_map(OK, reply, "asked")


def test_of_two_views_that_of_the_better_informed_is_believed() -> None:
    one = (Stretch(0, 16383, Place("h", 1)),)
    empty = SlotMap((), is_ok=True, epoch=9)
    cut_off = SlotMap(one, is_ok=False, epoch=9)
    older = SlotMap(one, is_ok=True, epoch=6)
    newer = SlotMap(one, is_ok=True, epoch=7)
    assert max((empty, cut_off, older, newer), key=lambda view: view.rank) is newer
    assert max((empty, cut_off), key=lambda view: view.rank) is cut_off


NODES = b"""\
07c3 10.0.0.4:6379@16379,d.example,shard-id=5 slave,fail e7d1 0 1 4 connected
67ed 10.0.0.2:6379@16379 master - 0 1 2 connected 5461-10922
e7d1 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-3 7 [3->-67ed] [9-<-67ed]
"""


def test_a_node_tells_what_it_holds_and_what_is_on_its_way() -> None:
    assert read_own_view(NODES) == OwnView(
        frozenset({0, 1, 2, 3, 7}), frozenset({3, 9}), (Place("10.0.0.2", 6379),)
    )
    with pytest.raises(ValueError, match="no list"):
        read_own_view(b"something else")


@pytest.mark.parametrize(
    ("pattern", "tag"),
    [
        ("gw:{u:abc}:*", "{u:abc}"),
        ("gw:*:deks", None),
        ("gw:{u:*}:deks", None),
        ("{}x*", None),
        ("gw:{u:abc", None),
        ("k*{u:abc}", None),
    ],
)
def test_a_pattern_has_a_tag_only_where_all_its_keys_have_it(pattern: str, tag: str | None) -> None:
    assert tag_in(pattern) == tag
