"""The bytes of a spool segment."""

from hypothesis import given, strategies as st

from gateway.accounting.spool.frames import HEADER, Closed, Opened, Progress, pack, unpack
from gateway.types.usage import Usage
from tests.accounting.spool.scene import row

RECORDS = (
    Opened(1, row("u", 1)),
    Progress(2, 1, Usage(output=7), None),
    Closed(3, 1, row("u", 1), 0),
)
DATA = b"".join(pack(record) for record in RECORDS)


def test_records_come_back_as_they_were() -> None:
    assert tuple(frame.record for frame in unpack(DATA)) == RECORDS
    assert [frame.end for frame in unpack(DATA)][-1] == len(DATA)


def test_a_torn_end_yields_what_was_whole_before_it() -> None:
    """G-17. At every length."""
    ends = [frame.end for frame in unpack(DATA)]
    for length in range(len(DATA) + 1):
        whole = [end for end in ends if end <= length]
        assert [frame.end for frame in unpack(DATA[:length])] == whole


@given(st.integers(0, len(DATA) * 8 - 1))
def test_a_flipped_bit_never_makes_another_record(bit: int) -> None:
    """G-17. The record is missing or as it was, never changed."""
    broken = bytearray(DATA)
    broken[bit // 8] ^= 1 << bit % 8
    found = [frame.record for frame in unpack(bytes(broken))]
    assert all(record is None or record in RECORDS for record in found)
    assert found != list(RECORDS)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    assert all(frame.record is None for frame in unpack(data))


def test_a_segment_says_what_it_is() -> None:
    assert len(HEADER) == 8
