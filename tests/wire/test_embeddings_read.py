from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.types.embeddings import EmbeddingEncoding
from gateway.wire.embeddings_read import MAX_INPUTS, read_embeddings


def refusal(**members: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        read_embeddings({"model": "m", "input": "hi", **members})
    return refused.value


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("hi", ("hi",)),
        (["a", "b"], ("a", "b")),
        ([1, 2, 3], ((1, 2, 3),)),
        ([[1, 2], [3]], ((1, 2), (3,))),
        (["a"] * MAX_INPUTS, ("a",) * MAX_INPUTS),
        (list(range(8_192)), (tuple(range(8_192)),)),
    ],
    ids=["string", "strings", "tokens", "token arrays", "most strings", "one long token array"],
)
def test_every_shape_of_input_is_read(given: Any, inputs: Any) -> None:
    assert read_embeddings({"model": "m", "input": given}).inputs == inputs


def test_what_is_not_said_has_its_default() -> None:
    job = read_embeddings({"input": "hi"})
    assert (job.model, job.dimensions, job.encoding) == ("", None, EmbeddingEncoding.FLOAT)
    assert job.extra == {}


def test_everything_said_is_kept_and_null_says_nothing() -> None:
    job = read_embeddings(
        {
            "model": "text-embedding-3-small",
            "input": "hi",
            "dimensions": 256,
            "encoding_format": "base64",
            "user": "u1",
            "input_type": "query",
            "truncate": None,
        }
    )
    assert job.model == "text-embedding-3-small"
    assert job.dimensions == 256
    assert job.encoding is EmbeddingEncoding.BASE64
    assert job.extra == {"user": "u1", "input_type": "query"}


def test_an_explicit_float_and_null_are_the_default_encoding() -> None:
    for given in ("float", None):
        job = read_embeddings({"input": "hi", "encoding_format": given})
        assert job.encoding is EmbeddingEncoding.FLOAT


@pytest.mark.parametrize(
    ("given", "param", "code"),
    [
        (None, "input", "missing_required_parameter"),
        (7, "input", "invalid_type"),
        ({"text": "hi"}, "input", "invalid_type"),
        ("", "input", "invalid_value"),
        ([], "input", "invalid_value"),
        ([None], "input[0]", "invalid_type"),
        ([True], "input[0]", "invalid_type"),
        ([1.5], "input[0]", "invalid_type"),
        (["a", 1], "input[1]", "invalid_type"),
        (["a", ""], "input[1]", "invalid_value"),
        ([1, "a"], "input[1]", "invalid_type"),
        ([1, True], "input[1]", "invalid_type"),
        ([1, -1], "input[1]", "invalid_value"),
        ([1, 2**31], "input[1]", "invalid_value"),
        ([[1], "a"], "input[1]", "invalid_type"),
        ([[1], []], "input[1]", "invalid_value"),
        ([[1], [2, "a"]], "input[1][1]", "invalid_type"),
        (["a"] * (MAX_INPUTS + 1), "input", "array_too_long"),
        ([[1]] * (MAX_INPUTS + 1), "input", "array_too_long"),
    ],
)
def test_a_wrong_input_is_named_by_its_path(given: Any, param: str, code: str) -> None:
    refused = refusal(input=given)
    assert (refused.param, refused.code) == (param, code)
    assert "hi" not in refused.message


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("model", 5),
        ("model", "m" * 513),
        ("dimensions", 0),
        ("dimensions", "256"),
        ("dimensions", True),
        ("encoding_format", "int8"),
        ("encoding_format", 1),
        ("user", ["u"]),
        ("user", "a\nb"),
    ],
)
def test_a_wrong_member_is_named(member: str, value: Any) -> None:
    assert refusal(**{member: value}).param == member
