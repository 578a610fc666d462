import re

from hypothesis import given, strategies as st

from gateway.providers.mistral.ids import CallIds, derive

LEGAL = re.compile(r"[a-zA-Z0-9]{9}")
IDS = st.text(min_size=1, max_size=12) | st.from_regex(r"[a-zA-Z0-9]{9}", fullmatch=True)


def test_an_id_of_mistrals_own_stays_as_it_is() -> None:
    assert CallIds().wire("D681PevKs") == "D681PevKs"


def test_any_other_id_becomes_nine_letters_or_digits_and_always_the_same() -> None:
    assert CallIds().wire("call_abc") == CallIds().wire("call_abc") == derive("call_abc")
    ids = CallIds()
    ids.wire("something else before it")
    assert ids.wire("call_abc") == derive("call_abc")


def test_the_derived_id_never_changes_between_versions() -> None:
    assert derive("call_abc123") == "2sHKoOAmR"


@given(st.lists(IDS, max_size=30))
def test_ids_are_legal_and_as_different_as_the_clients(given_ids: list[str]) -> None:
    ids = CallIds()
    wire = [ids.wire(client_id) for client_id in given_ids]
    assert all(LEGAL.fullmatch(found) for found in wire)
    pairs = set(zip(given_ids, wire, strict=True))
    assert len(pairs) == len(set(given_ids)) == len(set(wire))


def test_an_id_that_is_taken_by_anothers_derived_one_gives_way() -> None:
    ids = CallIds()
    taken = ids.wire("call_abc")
    assert ids.wire(taken) != taken
    assert LEGAL.fullmatch(ids.wire(taken))
