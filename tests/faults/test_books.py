"""The judge of the crash harness finds what is wrong, and only that."""

from msgspec.structs import replace

from gateway.accounting.rows import LedgerRow, Status
from gateway.types.usage import Certainty, Usage
from tests.faults.books import Sale, compare, differences, sums_of

SALE = Sale("req_1", "chatcmpl-1", "openai", "m", 1.0, 200, input=10, output=5, completed=True)
ROW = LedgerRow(
    request_id="req_1",
    attempt=1,
    user_id="u",
    token_id="t",  # an id
    time=1.0,
    provider="openai",
    model="m",
    status=Status.OK,
    certainty=Certainty.MEASURED,
    usage=Usage(input=10, output=5),
    cost_nano=30,
)
NOTHING = replace(ROW, status=Status.FAILED, certainty=Certainty.ABORTED, usage=Usage())


def test_books_that_agree_have_no_fault() -> None:
    verdict = compare([SALE], [ROW], {"req_1"})
    assert verdict.faults == []
    assert (verdict.sales, verdict.attempts, verdict.sold_tokens) == (1, 1, 15)


def test_a_sale_without_a_row_and_a_row_without_a_sale_are_found() -> None:
    assert len(compare([SALE], []).faults) == 1
    assert len(compare([], [ROW]).faults) == 1
    assert compare([], [NOTHING]).faults == []


def test_a_doubled_row_is_found() -> None:
    assert "twice" in compare([SALE], [ROW, ROW]).faults[0]


def test_a_measured_row_must_be_equal_in_every_bucket() -> None:
    moved = replace(ROW, usage=Usage(cache_read=10, output=5))
    assert "measured" in compare([SALE], [moved]).faults[0]


def test_a_sale_that_is_booked_as_nothing_is_found() -> None:
    assert "as nothing" in compare([SALE], [NOTHING]).faults[0]


def test_an_estimate_needs_a_cut_and_its_error_is_told() -> None:
    guess = replace(ROW, certainty=Certainty.ESTIMATED, usage=Usage(input=12))
    assert "nothing was cut" in compare([SALE], [guess]).faults[0]
    verdict = compare([SALE], [replace(guess, status=Status.CUT)])
    assert (verdict.faults, verdict.estimate_errors, verdict.estimate_share) == ([], [-3], 1.0)


def test_an_answer_that_a_client_has_must_be_measured() -> None:
    cut = replace(ROW, certainty=Certainty.ESTIMATED, status=Status.CUT)
    assert "has all of it" in compare([SALE], [cut], {"req_1"}).faults[0]


def test_attempts_that_bought_nothing_stand_beside_the_one_that_did() -> None:
    """In whatever order they failed, were refused by the provider, or never arrived."""
    refused = replace(SALE, request_id="r", started=0.5, status=503, input=0, output=0)
    second = replace(ROW, attempt=2)
    assert compare([refused, SALE], [NOTHING, second]).faults == []
    assert compare([SALE], [NOTHING, second]).faults == []
    assert compare([SALE], [ROW, replace(NOTHING, attempt=2)]).faults == []
    other = replace(second, provider="anthropic")
    assert len(compare([SALE], [NOTHING, other]).faults) == 1


def test_sums_that_differ_are_named() -> None:
    sums = sums_of([ROW, NOTHING])
    assert sums == {"attempts": 2, "cost_nano": 60, "input": 10, "output": 5}
    assert differences("all", sums, sums) == []
    assert differences("all", {"attempts": 2}, {"attempts": 3}) == [
        "all: attempts is 2, the rows say 3"
    ]
