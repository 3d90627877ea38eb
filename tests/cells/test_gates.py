"""Types by markers: the first rule that holds, and one line for every rule that cannot be read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_metime.cells.gates import apply_gates, find_gates, possible_calls, propose_gates, told_gates
from napari_metime.errors import CellTableError

HEADER = ["CD3", "CD8", "FOXP3", "Area", "PD-L1 (Opal 540) Positive", "CD38 Positive", "Phenotype-CD20"]


def types(frame: dict[str, list[object]], gates: dict[str, tuple[str, ...]], *, delimiter: str = ",") -> list[str]:
    header = list(frame)
    rules = find_gates(header, gates)
    table = pd.DataFrame(frame).set_axis(range(len(header)), axis=1)
    names, codes = apply_gates(table, rules, header=header, delimiter=delimiter)
    return [names[code] for code in codes]


def test_first_rule_that_holds_gives_the_type() -> None:
    frame: dict[str, list[object]] = {"CD3": [1, 1, 1, 0], "CD8": [1, 1, 0, 1], "FOXP3": [0, 1, 1, 0]}
    gates = {"Treg": ("CD3+", "FOXP3+"), "CD8 T": ("CD3+", "CD8+"), "T": ("CD3+", "CD8-")}
    assert types(frame, gates) == ["CD8 T", "Treg", "Treg", ""]
    assert types(frame, dict(reversed(gates.items()))) == ["CD8 T", "CD8 T", "T", ""]


@pytest.mark.parametrize(
    "values",
    [
        [1, 0, np.nan],
        ["1", "0", ""],
        [True, False, None],
        ["TRUE", "false", None],
        ["Positive", "Negative", np.nan],
        ["CD8+", "CD8-", " "],
        [1.0, 0.0, np.nan],
        ["1,0", "0,0", np.nan],
    ],
)
def test_calls_come_in_many_spellings_and_a_missing_one_is_neither(values: list[object]) -> None:
    assert types({"CD8": values}, {"yes": ("CD8+",), "no": ("CD8-",)}) == ["yes", "no", ""]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Cell: CD8 mean > 2.5", [False, False, True]),
        ("Cell: CD8 mean>=2.5", [False, True, True]),
        ("cell: cd8 mean < 2.5", [True, False, False]),
        ("Cell: CD8 mean <= 25e-1", [True, True, False]),
        ("Cell: CD8 mean > -1", [True, True, True]),
    ],
)
def test_level_asks_numbers(condition: str, expected: list[bool]) -> None:
    assert types({"Cell: CD8 mean": [1, 2.5, 3]}, {"hit": (condition,)}) == ["hit" if hit else "" for hit in expected]


def test_level_of_a_missing_number_does_not_hold() -> None:
    frame: dict[str, list[object]] = {"CD8": [np.nan, 1.0]}
    assert types(frame, {"low": ("CD8 < 2",)}) == ["", "low"]
    assert types({"CD8": ["1,5", "#N/A!"]}, {"low": ("CD8 < 2",)}, delimiter=";") == ["low", ""]


@pytest.mark.parametrize(
    ("marker", "column"),
    [
        ("CD3+", 0),
        ("cd8-", 1),
        ("CD8\N{MINUS SIGN}", 1),
        ("PDL1+", 4),
        ("PD-L1+", 4),
        ("CD38-", 5),
        ("CD20+", 6),
        ("area > 5", 3),
    ],
)
def test_marker_is_found_however_the_program_calls_it(marker: str, column: int) -> None:
    ((condition,),) = find_gates(HEADER, {"a": (marker,)}).values()
    assert condition.column == column


def test_calls_win_over_an_intensity_of_the_same_name() -> None:
    ((condition,),) = find_gates(["CD8", "CD8 Positive", "CD8 Positive Nucleus"], {"a": ("CD8+",)}).values()
    assert condition.column == 1


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ({"a": ("CD33+",)}, r"marker 'CD33' \(cells.gates, a\), found none; nearest are 'CD3', 'CD8'"),
        ({"a": ("CD33 > 2",)}, r"column 'CD33' \(cells.gates, a: CD33 > 2\), found none .*nearest are 'CD3'"),
        ({"a": ("CD3",)}, r"expected a marker with \+ or -, or a level, in cells.gates \(a\), found 'CD3'"),
        ({"a": ("CD3++",)}, r"found 'CD3\+\+'"),
        ({"a": ("+",)}, r"found '\+'"),
        ({"a": ("CD3 > high",)}, r"found 'CD3 > high'"),
        ({"a": ()}, r"expected markers for 'a' in cells.gates, found none"),
    ],
)
def test_rule_that_cannot_be_read_is_named(gates: dict[str, tuple[str, ...]], message: str) -> None:
    with pytest.raises(CellTableError, match=message) as caught:
        find_gates(HEADER, gates)
    assert "\n" not in str(caught.value)


def test_marker_with_two_columns_is_named() -> None:
    header = ["CD3 (Opal 570) Positive", "CD3 (Opal 620) Positive"]
    with pytest.raises(CellTableError, match=r"expected one column of the marker 'CD3' .*, found 2: 'CD3 \(Opal 570"):
        find_gates(header, {"a": ("CD3+",)})


@pytest.mark.parametrize("values", [[0.5, 1, 0], [2, 1, 0], ["high", "1", "0"], list(range(100))])
def test_intensities_are_no_calls(values: list[object]) -> None:
    with pytest.raises(
        CellTableError, match=r"expected 0 and 1 in 'CD8' for 'CD8\+' .*write a level such as 'CD8 > 2.5'"
    ):
        types({"CD8": values}, {"a": ("CD8+",)})


def test_proposed_rules_follow_from_the_markers_there_are() -> None:
    assert propose_gates(["CD3", "CD4", "CD8", "FOXP3", "PanCK", "CD68"]) == {
        "Treg": ("CD3+", "CD4+", "FOXP3+"),
        "CD8 T": ("CD3+", "CD8+"),
        "CD4 T": ("CD3+", "CD4+"),
        "T cell": ("CD3+",),
        "Macrophage": ("CD68+",),
        "Tumor": ("PanCK+",),
    }
    assert propose_gates(["CD8", "CD163"]) == {"CD8 T": ("CD8+",), "M2 macrophage": ("CD163+",)}
    assert propose_gates(["DAPI"]) == {}


def test_possible_calls_are_those_of_known_markers() -> None:
    assert possible_calls(["DAPI Positive", "CD8 Positive", "CD8 Intensity", "cd3", "Area"]) == [1, 3]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_types_are_those_of_asking_cell_by_cell(cells: list[tuple[bool, bool, bool]]) -> None:
    gates = {"a": ("A+", "B-"), "b": ("B+", "C+"), "c": ("C-",)}

    def alone(a: bool, b: bool, c: bool) -> str:
        return "a" if a and not b else "b" if b and c else "c" if not c else ""

    frame: dict[str, list[object]] = {name: [int(cell[i]) for cell in cells] for i, name in enumerate("ABC")}
    assert types(frame, gates) == [alone(*cell) for cell in cells]


@pytest.mark.parametrize(
    ("marker", "column", "found"),
    [
        ("PD+", "PD-L1 (Opal 540) Positive", False),
        ("CK+", "CK 19 (Opal 650) Positive", False),
        ("CK19+", "CK 19 (Opal 650) Positive", True),
        ("CK 19+", "CK.19..Opal.650..Positive.Classification", True),
        ("PD+", "PD.L1..Opal.540..Positive", False),
        ("PD-L1+", "PD.L1..Opal.540..Positive", True),
        ("CD8+", "Phenotype-CD8+", True),
        ("HLA+", "Phenotype-HLA-DR", False),
        ("CD8+", "CD8 Positive Nucleus", False),
        ("CD8+", "CD8+ Positive", True),
    ],
)
def test_the_whole_name_of_a_marker_counts(marker: str, column: str, found: bool) -> None:
    if found:
        ((condition,),) = find_gates(["x", column], {"a": (marker,)}).values()
        assert condition.column == 1
    else:
        with pytest.raises(CellTableError, match="found none; nearest are"):
            find_gates(["x", column], {"a": (marker,)})


@pytest.mark.parametrize("other", ["other", "CD8neg", "Tumor"])
def test_one_other_text_beside_a_positive_call_is_negative(other: str) -> None:
    gates = {"yes": ("CD8+",), "no": ("CD8-",)}
    assert types({"Phenotype-CD8": ["CD8+", other, None, " "]}, gates) == ["yes", "no", "", ""]


@pytest.mark.parametrize(
    "values", [["CD8+", "other", "Tumor"], ["CD8+", "CD8-", "other"], ["high", "low"], ["CD3+", "other"]]
)
def test_other_texts_are_no_calls_and_say_what_to_do(values: list[object]) -> None:
    expected = r"'CD8\+' and one other text, in 'CD8' .*found .*; set cells.type to 'CD8'"
    with pytest.raises(CellTableError, match=expected):
        types({"CD8": values}, {"a": ("CD8+",)})


def test_level_on_texts_is_refused() -> None:
    expected = r"expected numbers in 'Name' \(cells.gates, Name > 1\), found none .*'foo'"
    with pytest.raises(CellTableError, match=expected):
        types({"Name": [None, "foo", "bar"]}, {"a": ("Name > 1",)})
    assert types({"Name": [np.nan, np.nan]}, {"a": ("Name > 1",)}) == ["", ""]  # empty, not of texts


def test_columns_that_gates_ask_are_told() -> None:
    rules = find_gates(HEADER, {"a": ("CD8+", "CD3+"), "b": ("PDL1+",)})
    assert told_gates(rules, HEADER) == "type by cells.gates (2 rules on 'CD3', 'CD8', 'PD-L1 (Opal 540) Positive')"
