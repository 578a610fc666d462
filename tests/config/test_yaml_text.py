import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from gateway.config.yaml_text import read_yaml
from gateway.errors import ConfigFaults


def faults_of(text: str) -> list[str]:
    with pytest.raises(ConfigFaults) as raised:
        read_yaml(text)
    return [str(fault) for fault in raised.value.faults]


def test_plain_scalars_have_one_meaning_each() -> None:
    text = """
    words: [on, off, yes, no, y, 2023-06-01, 12:30:45, 1_x, .inf, 0x1f]
    numbers: [1, -2, 33_554_432, 0.5, 1e3, .25]
    truth: [true, False, TRUE]
    nothing: [~, null, ]
    quoted: ["true", '5', "null"]
    """
    value = read_yaml(text).value
    assert value["words"] == [
        "on", "off", "yes", "no", "y", "2023-06-01", "12:30:45", "1_x", ".inf", "0x1f",
    ]  # fmt: skip
    assert value["numbers"] == [1, -2, 33_554_432, 0.5, 1000.0, 0.25]
    assert value["truth"] == [True, False, True]
    assert value["nothing"] == [None, None]
    assert value["quoted"] == ["true", "5", "null"]


def test_keys_stay_text_whatever_they_look_like() -> None:
    assert read_yaml("{123: a, true: b, 2023-06-01: c}").value == {
        "123": "a",
        "true": "b",
        "2023-06-01": "c",
    }


def test_a_key_given_twice_is_refused_with_both_lines() -> None:
    assert faults_of("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n") == [
        "b: 'c' is given twice, first in line 3 (line 5)"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system [echo]",
        "a: !!python/name:os.system",
        "a: !!binary aGk=",
        "a: !custom x",
        "!!set {a, b}",
    ],
)
def test_tags_are_refused_and_nothing_is_run(text: str) -> None:
    assert any("tags such as" in fault for fault in faults_of(text))


def test_merge_keys_are_refused() -> None:
    assert faults_of("base: &base {a: 1}\nother:\n  <<: *base\n") == [
        "other: merge keys ('<<') are not supported (line 3)"
    ]


def test_an_alias_repeats_a_value() -> None:
    assert read_yaml("a: &x [1, 2]\nb: *x\n").value == {"a": [1, 2], "b": [1, 2]}


def test_aliases_that_explode_are_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert faults_of("\n".join(lines)) == ["too large: its aliases unfold to too many values"]


def test_a_cycle_of_aliases_is_refused() -> None:
    assert faults_of("a: &a {b: *a}") == ["too large: its aliases unfold to too many values"]


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 50_000, "? " * 50_000])
def test_deep_nesting_is_refused_before_it_costs_stack(text: str) -> None:
    assert faults_of(text) == ["nested more than 32 deep"]


@pytest.mark.parametrize("text", ["", "   \n\n", "# only a comment\n", "---\n...\n"])
def test_an_empty_file_is_a_fault(text: str) -> None:
    # An editor truncates before it writes: an empty file must never mean "all defaults".
    assert faults_of(text) == ["the file is empty"]


def test_half_a_character_is_a_fault() -> None:
    assert faults_of('a: "\\ud800"\n"\\udfff": 1\n') == [
        "a: holds half of a character ('\\ud…') (line 1)",
        "a key must be a plain word (line 2)",
    ]


def test_two_documents_are_a_fault() -> None:
    assert "another document" in faults_of("a: 1\n---\nb: 2\n")[0]


@pytest.mark.parametrize("text", ["a: [1", "a: 'x", "a:\n\tb: 1", "a: b: c", "a: \x07", "%X\n"])
def test_broken_yaml_is_a_fault_that_repeats_nothing_of_the_text(text: str) -> None:
    fault = faults_of(text)[0]
    assert fault.startswith("not valid YAML: ")
    assert text not in fault


def test_every_path_has_its_line() -> None:
    document = read_yaml("a:\n  b:\n    - x\n    - c: 1\n  gpt-4.1: y\n")
    assert document.line_of("a.b[1].c") == 4
    assert document.line_of("a.gpt-4.1") == 5
    assert document.line_of("a.b[1].missing") == 4
    assert document.line_of("") is None


# What YAML allows to stand for itself: no control characters, no surrogates.
_text = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=8)  # fmt: skip
_scalars = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | _text
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(value=_values)
def test_json_is_read_as_what_it_says(value: Any) -> None:
    assert read_yaml(json.dumps({"value": value}, ensure_ascii=False)).value == {"value": value}


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="ab:-[]{},&*#!'\"|>%@? \n\t~01.", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_yaml(text)
    except ConfigFaults as faults:
        found = faults.faults
    else:
        return
    assert all(str(fault) for fault in found)
