"""A first look at a table: its columns sorted by what they may hold, and what would be taken for what."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_metime.cells import Preview, delimited, preview_table
from napari_metime.cells.delimited import glance_at
from napari_metime.errors import CellTableError


def look(folder: Path, text: str | bytes, **named: str) -> Preview:
    path = folder / "cells.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    found = preview_table(path, **named)  # type: ignore[arg-type]
    assert found is not None
    return found


OWN = "id;pos_h;pos_v;population;cluster;empty\n" + "".join(
    f"c{i};{i},25;{2 * i},5;{'CD8' if i % 2 else 'B'};{i % 3};\n" for i in range(9)
)


def test_columns_are_offered_for_what_they_may_hold(tmp_path: Path) -> None:
    found = look(tmp_path, OWN)
    assert found.header == ("id", "pos_h", "pos_v", "population", "cluster", "empty")
    assert found.rows[1] == ("c1", "1,25", "2,5", "CD8", "1", "")
    assert len(found.rows) == 3
    assert found.numbers == ("pos_h", "pos_v", "cluster")
    assert found.kinds == ("population", "id", "cluster")  # texts that repeat, then others, then numbers of groups
    assert found.taken == {"x": (), "y": (), "type": ()}
    assert set(found.recognised.values()) == {""}
    assert found.unit == ""


def test_what_is_named_is_taken_and_what_is_recognised_stays_told(tmp_path: Path) -> None:
    found = look(tmp_path, OWN, x="pos_h")
    assert found.taken == {"x": ("pos_h",), "y": (), "type": ()}
    found = look(tmp_path, "x_um,y_um,class,a,b\n1,2,CD8,3,4\n", x="a", y="b")
    assert (found.x, found.y) == (("a",), ("b",))
    assert found.recognised == {"x": "x_um", "y": "y_um", "type": "class"}
    assert look(tmp_path, OWN, type_column="no such").type == ()


@pytest.mark.parametrize(
    ("header", "unit", "is_um"),
    [
        ("X_um,Y_um,class", "µm, from 'X_um'", True),
        ("x_mm,y_mm,class", "mm, from 'x_mm'", True),
        ("Centroid X px,Centroid Y px,Class", "px, from 'Centroid X px'", False),
        ("CellID,X_centroid,Y_centroid,MajorAxisLength", "px, as MCMICRO documents", False),
        ("x,y,class", "", False),
        ("x_um,y_px,class", "", False),
    ],
)
def test_the_unit_is_told_with_what_says_it(tmp_path: Path, header: str, unit: str, is_um: bool) -> None:
    found = look(tmp_path, header + "\n" + ",".join("1234"[: header.count(",") + 1]) + "\n")
    assert (found.unit, found.is_um) == (unit, is_um)


def test_boxes_have_two_columns_of_x(tmp_path: Path) -> None:
    found = look(tmp_path, "Object Id,XMin,XMax,YMin,YMax\n1,2,3,4,5\n")
    assert (found.x, found.y) == (("XMin", "XMax"), ("YMin", "YMax"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_every_encoding_is_shown_as_it_is_meant(tmp_path: Path, encoding: str) -> None:
    found = look(tmp_path, "x_um\ty_um\tTyp\n1\t2\tTumör\n".encode(encoding))
    assert found.rows == (("1", "2", "Tumör"),)


def test_a_glance_reads_the_beginning_alone(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"x,y\n" + b"1,2\n" * 3_000_000 + b"1,2,3\n\xff")  # broken where no glance reaches
    table, rows = glance_at(path, 2)
    assert (table.header, rows) == (("x", "y"), [["1", "2"], ["1", "2"]])


def test_an_open_quote_has_not_all_of_a_file_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "MAX_GLANCE", 1000)
    path = tmp_path / "open.csv"
    path.write_text('x,y\n1,2\n3,"' + "4,5\n" * 1000 + '6",7\n')  # closed beyond the glance, which takes what is whole
    with pytest.raises(CellTableError, match="export it again"):
        glance_at(path, 3)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\0\0", b"x,y\n1,2\n1,2,3\n"])
def test_what_is_no_table_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CellTableError, match=r"cells\.csv: expected"):
        look(tmp_path, content)


def test_other_kinds_of_files_have_no_columns_to_choose(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text('{"type": "FeatureCollection", "features": []}')
    assert preview_table(path) is None
