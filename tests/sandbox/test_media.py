"""Pictures tell their own type and size."""

import pytest

from gateway.sandbox.media import read_size, sniff_type
from tests.sandbox.talking import PNG

JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffc00011080005000703012200021101031101ffd9"
)
GIF = b"GIF89a" + bytes([9, 0, 4, 0, 0, 0, 0])
WEBP = b"RIFF\x1a\0\0\0WEBPVP8L"


@pytest.mark.parametrize(
    ("data", "media_type", "size"),
    [
        (PNG, "image/png", (3, 2)),
        (JPEG, "image/jpeg", (7, 5)),
        (GIF, "image/gif", (9, 4)),
        (WEBP, "image/webp", None),
        (b"%PDF-1.7", "application/pdf", None),
        (b"BM", None, None),
        (b"", None, None),
    ],
)
def test_type_and_size_are_read(
    data: bytes, media_type: str | None, size: tuple[int, int] | None
) -> None:
    assert sniff_type(data) == media_type
    assert read_size(data) == size


@pytest.mark.parametrize("data", [PNG, JPEG, GIF])
def test_a_picture_that_is_cut_short_has_no_size(data: bytes) -> None:
    assert read_size(data[:9]) is None
    found = {read_size(data[:end]) for end in range(len(data) + 1)}
    assert found == {None, read_size(data)}
