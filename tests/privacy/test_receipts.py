"""Receipts: signed as they stand, recognised byte for byte, and never an exception for nonsense."""

import base64
import json
import pickle
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from gateway.identity.removal import Destroyed
from gateway.privacy.receipts import Receipt, ReceiptSigner, State, Unverified, signed_bytes
from tests.privacy.scene import RECEIPT_KEY

SIGNER = ReceiptSigner(RECEIPT_KEY)
RECEIPT = Receipt(
    id="er_0000000000000000000001",
    user_id="u_0000000000000000000002",
    erased_at=1_790_000_000,
    destroyed=Destroyed(1, 2, 3, {"entries": 30, "profile": 1}),
    state=State.LIVE,
    state_time=1_790_000_000,
)
TEXT = json.dumps(SIGNER.sign(RECEIPT), separators=(",", ":")).encode()


def test_a_receipt_is_recognised_and_the_same_each_time() -> None:
    signed = SIGNER.sign(RECEIPT)

    assert SIGNER.verify(json.loads(json.dumps(signed, sort_keys=True, indent=1))) == RECEIPT.id
    assert ReceiptSigner(RECEIPT_KEY).sign(RECEIPT) == signed
    assert signed["destroyed"] == {
        "data_keys": 1,
        "tokens": 2,
        "provider_keys": 3,
        "records": {"entries": 30, "profile": 1},
    }
    assert set(signed["remains"]) == {"cost_rows", "audit", "backups", "providers"}


def test_whoever_trusts_the_public_key_needs_no_gateway_to_verify() -> None:
    """By the rule in gateway/privacy/README.md, with nothing but a JSON and an Ed25519 library."""
    from_outside: dict[str, Any] = json.loads(TEXT)
    signature = bytes_of(from_outside.pop("signature"))
    canonical = json.dumps(
        from_outside, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    key = Ed25519PublicKey.from_public_bytes(bytes_of(from_outside["public_key"]))

    key.verify(signature, b"gateway erasure receipt 1\n" + canonical)


def bytes_of(text: str) -> bytes:
    return base64.b64decode(text)


@pytest.mark.parametrize("state", [State.STORAGE, State.AGE_OUT])
def test_a_state_cannot_be_claimed_without_the_key(state: State) -> None:
    claimed = {**SIGNER.sign(RECEIPT), "state": state.value}

    with pytest.raises(Unverified, match="altered"):
        SIGNER.verify(claimed)
    assert SIGNER.verify(SIGNER.sign(replace(RECEIPT, state=state))) == RECEIPT.id


@settings(max_examples=400)
@given(place=st.integers(0, len(TEXT) - 1), change=st.integers(1, 255))
def test_any_changed_byte_makes_it_invalid(place: int, change: int) -> None:
    changed = bytearray(TEXT)
    changed[place] ^= change
    try:
        body = json.loads(bytes(changed))
    except ValueError:  # no JSON any more: the edge refuses it
        return
    if not isinstance(body, dict):
        return
    with pytest.raises(Unverified):
        SIGNER.verify(body)


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from([*json.loads(TEXT), "other"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
    )
)
def test_nonsense_in_any_member_is_invalid_and_nothing_worse(members: dict[str, Any]) -> None:
    genuine = json.loads(TEXT)
    for body in (members, {**genuine, **members}):
        if (
            signed_or_none(body) == signed_bytes(genuine)
            and body["signature"] == genuine["signature"]
        ):
            continue  # nothing was changed
        with pytest.raises(Unverified):
            SIGNER.verify(body)


def signed_or_none(body: dict[str, Any]) -> bytes | None:
    try:
        return signed_bytes(body) if "signature" in body else None
    except ValueError:
        return None


def test_another_gateways_receipt_is_told_from_a_forged_one() -> None:
    other = ReceiptSigner(bytes(32))

    with pytest.raises(Unverified, match="a key that is not this gateway's"):
        SIGNER.verify(other.sign(RECEIPT))
    passed_off = {**other.sign(RECEIPT), "key_id": SIGNER.key_id}
    with pytest.raises(Unverified, match="a key that is not this gateway's"):
        SIGNER.verify(passed_off)


def test_the_key_does_not_show() -> None:
    assert RECEIPT_KEY.hex() not in repr(SIGNER)
    assert repr(RECEIPT_KEY) not in repr(SIGNER)
    with pytest.raises(TypeError):
        pickle.dumps(SIGNER)
