"""Columns of cell tables: recognised where the name is known, never guessed where it is not."""

from __future__ import annotations

import pytest

from napari_metime.cells.columns import base_and_unit
from napari_metime.cells.delimited_formats import CELL_TABLE, TableColumns, find_table_columns
from napari_metime.errors import CellTableError


def find(header: list[str], **options: str | None) -> TableColumns:
    given: dict[str, str | None] = {"x": None, "y": None, "type_column": None, "unit": None}
    return find_table_columns(header, CELL_TABLE, **(given | options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "micro", ["\u00b5m", "\u03bcm", "um", "\u00c2\u00b5m", "\u00ce\u00bcm", "\ufffdm", "[µm]", "(UM)"]
)
def test_every_spelling_of_micrometre_is_known(micro: str) -> None:
    columns = find(["Class", f"Centroid X {micro}", f"Centroid Y {micro}"])
    assert (columns.x, columns.y, columns.type, columns.unit) == ((1,), (2,), 0, "um")


@pytest.mark.parametrize(
    ("x", "y", "unit"),
    [
        ("Centroid X px", "Centroid Y px", "px"),
        ("Centroid.X.µm", "Centroid.Y.µm", "um"),
        ("x_um", "y_um", "um"),
        ("X (pixels)", "Y (pixels)", "px"),
        ("X_centroid_px", "Y_centroid_px", "px"),
        ("X position um", "Y position um", "um"),
    ],
)
def test_known_positions_are_recognised_with_their_unit(x: str, y: str, unit: str) -> None:
    columns = find(["id", y, x, "phenotype"])
    found = (columns.x, columns.y, columns.type, columns.cell_id, columns.unit)
    assert found == ((2,), (1,), 3, 0, unit)


@pytest.mark.parametrize("name", ["Class", "Classification", "phenotype", "cell_type", "Cell Type", "type"])
def test_known_types_are_recognised(name: str) -> None:
    assert find(["x_um", "y_um", "Area", name]).type == 3


@pytest.mark.parametrize("name", ["Object ID", "cell_id", "CellID", "id"])
def test_known_ids_are_recognised(name: str) -> None:
    assert find([name, "x_um", "y_um", "type"]).cell_id == 0


def test_stated_unit_chooses_among_two_pairs() -> None:
    header = ["Class", "Centroid X px", "Centroid Y px", "Centroid X µm", "Centroid Y µm"]
    assert find(header, unit="px").x == (1,)
    assert find(header, unit="um").x == (3,)
    assert find(header).unit == "um"


def test_unit_of_the_recipe_holds_where_the_header_is_silent() -> None:
    assert find(["X_position", "Y_position", "phenotype"], unit="px").unit == "px"


def test_unit_against_the_header_names_both() -> None:
    with pytest.raises(CellTableError, match=r"the header, µm \('x_um', 'y_um'\), found cells.unit: px"):
        find(["x_um", "y_um", "type"], unit="px")


def test_named_columns_win_over_known_ones() -> None:
    columns = find(["x_um", "y_um", "type", "a", "b", "kind"], x="a", y=" b ", type_column="kind", unit="px")
    assert (columns.x, columns.y, columns.type) == ((3,), (4,), 5)


def test_named_column_may_differ_in_spelling_of_the_unit() -> None:
    assert find(["Centroid X \u03bcm", "Centroid Y \u03bcm", "t"], x="Centroid X \u00b5m", type_column="T").x == (0,)


def test_partner_of_a_named_column_is_found_in_its_own_pair() -> None:
    header = ["x_um", "y_um", "Centroid X px", "Centroid Y px", "type"]
    assert find(header, x="Centroid X px").y == (3,)
    with pytest.raises(CellTableError, match=r"set cells.y to"):
        find([*header, "a"], x="a", unit="px")


def test_missing_column_names_the_nearest() -> None:
    with pytest.raises(CellTableError, match=r"'Centroid Z px' \(cells.x\), found none .*'Centroid X px'"):
        find(["Area", "Centroid X px", "Centroid Y px", "type"], x="Centroid Z px", y="Centroid Y px")


def test_columns_that_are_not_used_may_repeat() -> None:
    assert find(["", "", "Area", "Area", "x_um", "y_um", "type"]).x == (4,)


def test_likely_columns_are_offered_where_none_is_known() -> None:
    with pytest.raises(CellTableError, match=r"such as 'Nucleus X', 'Nucleus Y'$"):
        find(["Cell ID", "Nucleus X", "Nucleus Y", "Phenotype"])


def test_image_axes_are_not_taken_for_x_and_y() -> None:
    columns = find(["label", "centroid-0", "centroid-1", "type"], unit="px")
    assert (columns.x, columns.y) == ((2,), (1,))  # scikit-image counts rows first
    with pytest.raises(CellTableError, match=r"set cells.unit to px or um"):
        find(["label", "centroid-0", "centroid-1", "type"])


@pytest.mark.parametrize(
    ("name", "base", "unit"),
    [
        ("Cell: Area µm^2", "cell: area", "um"),
        ("Area \u00c2µm\u00c2²", "area", "um"),
        ("area_um2", "area", "um"),
        ("Entire Cell Area (pixels)", "entire cell area", "px"),
        ("Entire Cell Area (square microns)", "entire cell area", "um"),
        ("Entire Cell Area (percent)", "entire cell area percent", None),
        ("x:x", "x", None),
        ("x2", "x2", None),
        ("Opal Opal (px)", "opal opal", "px"),
    ],
)
def test_unit_is_split_from_the_name(name: str, base: str, unit: str | None) -> None:
    assert base_and_unit(name) == (base, unit)


def test_likely_type_columns_are_offered_first() -> None:
    header = ["x_um", "y_um", *(f"CD{i}" for i in range(40)), "Leiden_cluster", "Cell lineage"]
    with pytest.raises(
        CellTableError, match=r"set cells.type to one of 'Leiden_cluster', 'Cell lineage', or cells.gates"
    ):
        find(header)
