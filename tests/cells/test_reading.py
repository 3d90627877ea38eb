"""Cell tables: what is read is what was written, and every bad table is named in one line."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_metime.cells import delimited
from napari_metime.cells.reading import read_cell_types
from napari_metime.cells.reading import read_delimited_cells as read_cell_table
from napari_metime.errors import CellTableError, MissingFileError
from napari_metime.section import CellTable

ROLES = {"effector": ("CD8",), "suppressor": ("Treg", "MDSC"), "tumor": ("Tumor",)}
POSITIONS = st.integers(-(10**9), 10**9).map(lambda n: n / 1024)
TABLE = "id,x_um,y_um,type\na,1.5,2.25,CD8\nb,-3,4e2,Treg\nc,5,6,Fibroblast\n"


def read(tmp_path: Path, content: str | bytes, **options: object) -> CellTable:
    path = tmp_path / "cells.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    given: dict[str, object] = {"x": None, "y": None, "type_column": None, "unit": None, "roles": ROLES}
    return read_cell_table(path, **(given | options))  # type: ignore[arg-type]


def error(tmp_path: Path, content: str | bytes, **options: object) -> str:
    with pytest.raises(CellTableError) as caught:
        read(tmp_path, content, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_cells_come_back_as_written(tmp_path: Path) -> None:
    cells = read(tmp_path, TABLE)
    assert cells.cell_id.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(cells.x, [1.5, -3, 5])
    np.testing.assert_array_equal(cells.y, [2.25, 400, 6])
    assert cells.type.tolist() == ["CD8", "Treg", "Fibroblast"]
    assert cells.role.tolist() == ["effector", "suppressor", "other"]
    assert cells.unit == "um"
    assert type(cells.type[0]) is str


def test_note_tells_what_was_recognised(tmp_path: Path) -> None:
    note = read(tmp_path, "Object ID,Class,Centroid X µm,Centroid Y µm\n" + "u,CD8,1,2\n" * 1201).note
    assert note == (
        "QuPath detections, 1,201 cells, centroids in µm, class in 'Class'; x from 'Centroid X µm', "
        "y from 'Centroid Y µm'; cells numbered in the order of the table, since 'Object ID' is not unique"
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_delimiters_line_ends_and_quotes_do_not_matter(tmp_path: Path, delimiter: str, end: str, quote: str) -> None:
    rows = [delimiter.join(f"{quote}{v}{quote}" for v in line.split(",")) for line in TABLE.splitlines()]
    cells = read(tmp_path, end.join(rows))
    np.testing.assert_array_equal(cells.x, [1.5, -3, 5])
    assert cells.type.tolist() == ["CD8", "Treg", "Fibroblast"]


def test_delimiter_inside_quotes_is_text(tmp_path: Path) -> None:
    cells = read(tmp_path, 'x_um,y_um,type\n1,2,"CD8, active"\n3,4,CD8\n')
    assert cells.type.tolist() == ["CD8, active", "CD8"]


def test_signs_that_windows_writes_are_read_as_such(tmp_path: Path) -> None:
    text = "Centroid X µm,Centroid Y µm,Class\n1,2,CD8 – high\n"
    assert read(tmp_path, text.encode("cp1252"), roles={}).type.tolist() == ["CD8 – high"]
    assert read(tmp_path, text.encode("cp1252") + b"3,4,\x81\n", roles={}).n_cells == 2  # no sign in cp1252


def test_a_quoted_name_behind_the_mark_of_utf8_may_hold_the_delimiter(tmp_path: Path) -> None:
    cells = read(tmp_path, codecs.BOM_UTF8 + b'"a, b",x_um,y_um,type\n1,2,3,CD8\n')
    assert (cells.x.tolist(), cells.y.tolist()) == ([2], [3])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-be-sig"])
def test_encodings_give_the_same_cells(tmp_path: Path, encoding: str) -> None:
    text = "Centroid X µm,Centroid Y µm,Class\n1,2,CD8\n3,4,Zelle übrig\n"
    mark, name = (codecs.BOM_UTF16_BE, "utf-16-be") if encoding == "utf-16-be-sig" else (b"", encoding)
    cells = read(tmp_path, mark + text.encode(name))
    assert cells.type.tolist() == ["CD8", "Zelle übrig"]
    assert cells.unit == "um"


def test_latin_1_byte_far_down_the_file_is_read(tmp_path: Path) -> None:
    text = "x_um,y_um,type\n" + "1,2,CD8\n" * 100_000 + "1,2,Gefäß\n"
    assert read(tmp_path, text.encode("latin-1")).type[-1] == "Gefäß"


def test_blank_lines_are_skipped(tmp_path: Path) -> None:
    assert read(tmp_path, "x_um,y_um,type\n\n1,2,CD8\n\r\n3,4,CD8\n\n").n_cells == 2


def test_ids_are_numbered_where_they_repeat_or_miss(tmp_path: Path) -> None:
    assert read(tmp_path, "id,x_um,y_um,type\na,1,1,CD8\na,2,2,CD8\n").cell_id.tolist() == ["1", "2"]
    assert read(tmp_path, "id,x_um,y_um,type\na,1,1,CD8\n,2,2,CD8\n").cell_id.tolist() == ["1", "2"]
    assert read(tmp_path, "x_um,y_um,type\n1,1,CD8\n").cell_id.tolist() == ["1"]


def test_unplaced_cells_are_left_out_and_counted_once(tmp_path: Path) -> None:
    cells = read(
        tmp_path,
        "id,x_um,y_um,type\na,1,1,CD8\nb,NaN,1,CD8\nc,1,inf,CD8\nd,?,1,CD8\ne,5,,CD8\nf,6,6,Tumor\ng,1e300,1,CD8\nh,-inf,1,CD8\n",
    )
    assert cells.cell_id.tolist() == ["a", "f"]
    assert cells.role.tolist() == ["effector", "tumor"]
    assert [w for w in cells.warnings if "position" in w] == [
        "6 of 8 cells have no readable position in 'x_um' and 'y_um' and are left out"
    ]


def test_untyped_cells_are_unassigned_and_counted(tmp_path: Path) -> None:
    cells = read(tmp_path, "x_um,y_um,type\n1,1,CD8\n2,2,\n3,3,  \n")
    assert cells.type.tolist() == ["CD8", "unassigned", "unassigned"]
    assert cells.role.tolist() == ["effector", "other", "other"]
    assert any(w.startswith("2 of 3 cells have no type") for w in cells.warnings)


def test_types_match_exactly_after_strip(tmp_path: Path) -> None:
    cells = read(tmp_path, "x_um,y_um,type\n1,1, CD8 \n2,2,cd8\n3,3,CD8+\n", roles={"effector": ("CD8 ",)})
    assert cells.role.tolist() == ["effector", "other", "other"]


def test_one_warning_per_role_for_types_that_do_not_occur(tmp_path: Path) -> None:
    assert read(
        tmp_path, TABLE, roles={"effector": ("CD8",), "suppressor": ("MDSC", "M2"), "tumor": ("T",)}
    ).warnings == (
        "no cell is of type 'MDSC', 'M2', listed as suppressor in cells.roles",
        "no cell is of type 'T', listed as tumor in cells.roles",
    )


def test_no_listed_type_at_all_lists_the_frequent_ones(tmp_path: Path) -> None:
    rows = "".join(f"1,1,t{i}\n" * (20 - i) for i in range(12))
    message = error(tmp_path, "x_um,y_um,type\n" + rows)
    assert "'t0', 't1', 't2', 't3', 't4', 't5', 't6', 't7' and 4 more" in message


@pytest.mark.parametrize("size", [1, 2, 7, 13, 16, 17, 40])
def test_size_of_the_blocks_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", size)
    assert read(tmp_path, TABLE.replace("\n", "\r\n").replace("CD8", "µ")).cell_id.tolist() == ["a", "b", "c"]
    assert "found 4 in row 3" in error(tmp_path, "x_um,y_um,type\r\n1,1,CD8\r\n1,1,CD8,x")
    utf_16 = TABLE.replace("\n", "\r\n").replace("CD8", "\N{GRINNING FACE}").encode("utf-16")
    assert read(tmp_path, utf_16, roles={}).type[0] == "\N{GRINNING FACE}"
    assert "found 4 in row 3" in error(tmp_path, "x_um,y_um,type\r\n1,1,CD8\r\n1,1,CD8,x".encode("utf-16"))


BAD = {
    "empty file": (b"", "found an empty file"),
    "header only": (b"x_um,y_um,type\n", "found no row"),
    "header only, no end": (b"x_um,y_um,type", "found no row"),
    "empty first line": (b"\nx_um,y_um,type\n1,1,CD8\n", "found an empty line"),
    "binary": (bytes(range(256)) * 20, "found binary data"),
    "UTF-16 without its mark": (TABLE.encode("utf-16-le"), "found binary data"),
    "UTF-16 cut in a letter": (TABLE.encode("utf-16")[:-1], "expected text in UTF-16"),
    "UTF-16 with half a pair": (TABLE.encode("utf-16") + b"\x00\xd8", "expected text in UTF-16"),
    "UTF-32": (TABLE.encode("utf-32"), "found binary data"),
    "short row": (
        b"x_um,y_um,type\n1,1,CD8\n1,1\n",
        "expected 3 fields in every row as in the header, found 2 in row 3",
    ),
    "long row": (b"x_um,y_um,type\n\n1,1,CD8,x\n", "found 4 in row 3"),
    "long quoted row": (b'x_um,y_um,type\n1,1,"CD8"\n1,1,"CD8",x\n', "found 4 in row 3"),
    "lone carriage return": (b"x_um,y_um,type\n\r,1,CD8\n1,1,CD8\r\n", "found 1 carriage returns"),
    "open quote": (b'x_um,y_um,type\n1,1,CD8\n2,2,"CD8\n3,3,CD8\n', "quotation mark"),
    "old Mac line ends": (b"x_um,y_um,type\r1,1,CD8\r", "found 2 carriage returns"),
    "broken header": (b'"x_um"m,y_um,type\n1,1,CD8\n', "found it broken"),
    "one endless line": (b"x_um,y_um,type\n" + b"1" * 9_000_000, "a line above 1 MB"),
    "column twice": (b"x_um,y_um,type,x_um\n1,1,CD8,1\n", "expected one column for cells.x, found 2"),
    "column twice but for case": (b"x_um,y_um,Type,type\n1,1,CD8,CD8\n", "found 2: 'Type' and 'type'"),
    "no type": (b"x_um,y_um,kind\n1,1,CD8\n", "set cells.type to one of 'x_um', 'y_um', 'kind'"),
    "no position": (b"XMin,XMax,type\n1,1,CD8\n", "set cells.x and cells.y to columns such as 'XMin', 'XMax'"),
    "no unit": (b"x,y,type\n1,1,CD8\n", "set cells.unit to px or um"),
    "two units": (b"a_px,b_um,type\n1,1,CD8\n", "expected x and y in"),
    "truths for numbers": (b"x_um,y_um,type\nTrue,1,CD8\nFalse,2,CD8\n", "expected numbers in 'x_um' and 'y_um'"),
    "no number": (b"x_um,y_um,type\nleft,top,CD8\n", "expected numbers in 'x_um' and 'y_um', found none"),
    "thousands": (
        b"x_um;y_um;type\n1,500;2,5;CD8\n900;3,5;CD8\n",
        "'1,500', which may be a decimal comma or thousands",
    ),
    "quoted comma": (b'x_um,y_um,type\n"1,5",2.5,CD8\n', "'1,5', which may be"),
    "two decimal signs": (b"x_um\ty_um\ttype\n1,5\t2\tCD8\n2.5\t2\tCD8\n", "one decimal sign in 'x_um'"),
    "annotations": (b"Object type,Class,Centroid X px,Centroid Y px\nAnnotation,Tumor,1,2\n", "found only rows of"),
    "probability in percent": (b"x_um,y_um,type,p\n1,2,CD8,97\n", "expected probabilities from 0 to 1 in 'p'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_table_is_named_in_one_line(tmp_path: Path, case: str) -> None:
    content, expected = BAD[case]
    named = {"x": "a_px", "y": "b_um"} if case == "two units" else {}
    if case == "probability in percent":
        named = {"type_probability": "p"}
    assert expected in error(tmp_path, content, **named)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(MissingFileError, match=r"expected a cell table at .*; check cells.path"):
            read_cell_types(path, None)


def test_types_are_counted_frequent_ones_first(tmp_path: Path) -> None:
    path = tmp_path / "cells.tsv"
    path.write_text("x\ty\tKind\n" + "0\t0\tA\n" * 2 + "?\t0\tB \n" * 3 + "0\t0\t\n")
    assert read_cell_types(path, "Kind") == {"B": 3, "A": 2, "unassigned": 1}


def test_types_by_gates_are_counted_too(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text("x,y,CD3,CD8\n0,0,1,1\n0,0,1,0\n0,0,1,1\n0,0,0,0\n")
    assert read_cell_types(path, None, gates={"CD8 T": ("CD3+", "CD8+"), "B": ("CD3-", "CD8+")}) == {
        "CD8 T": 2,
        "unassigned": 2,
    }


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_decimal_commas_and_words_for_nothing_do_not_matter(tmp_path: Path, delimiter: str) -> None:
    rows = ["x_um,y_um,type,p,q", "1#5,-2#25,CD8,97#5 %,#N/A", "3,4#125E+2,CD8,#N/A,#N/A", "#N/A,1,CD8,50 %,NaN"]
    content = "\n".join(row.replace(",", delimiter).replace("#N", "N").replace("#", ",") for row in rows)
    cells = read(tmp_path, content, type_probability="p")
    np.testing.assert_array_equal(cells.x, [1.5, 3])
    np.testing.assert_array_equal(cells.y, [-2.25, 412.5])
    np.testing.assert_array_equal(cells.type_probability, [0.975, 1])
    assert cells.warnings[:2] == (
        "1 of 3 cells have no readable position in 'x_um' and 'y_um' and are left out",
        "1 of 2 cells have no probability in 'p'; taken as sure",
    )


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(POSITIONS, POSITIONS, st.sampled_from(["CD8", "Zelle µ", "a;b", "a,b", "a|b"])), max_size=20
    ),
    delimiter=st.sampled_from(",;\t|"),
    decimal=st.sampled_from(".,"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_spelling_of_a_table_gives_its_cells(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[float, float, str]],
    delimiter: str,
    decimal: str,
    encoding: str,
    end: str,
) -> None:
    rows = [(12345.5, -0.25, "CD8"), *rows]  # some number that cannot be one of thousands
    decimal = "." if delimiter == "," else decimal
    with io.StringIO(newline="") as text:
        writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
        writer.writerow(["Centroid X µm", "Centroid Y µm", "type"])
        writer.writerows([repr(x).replace(".", decimal), repr(y).replace(".", decimal), name] for x, y, name in rows)
        cells = read(tmp_path_factory.mktemp("any"), text.getvalue().encode(encoding), roles={})
    assert list(zip(cells.x.tolist(), cells.y.tolist(), cells.type.tolist(), strict=True)) == rows


def test_decimal_comma_far_down_the_file_is_read(tmp_path: Path) -> None:
    rows = "1;2;CD8\n" * (delimited.CHUNK_ROWS + 1) + "1000,5;-0,5;CD8\n"
    cells = read(tmp_path, "x_um;y_um;type\n" + rows)
    assert (cells.x[0], cells.x[-1], cells.y[-1]) == (1, 1000.5, -0.5)


def test_decimals_of_three_digits_among_others_are_decimals(tmp_path: Path) -> None:
    assert read(tmp_path, "x_um;y_um;type\n1,125;1;CD8\n1,5;2;CD8\n").x.tolist() == [1.125, 1.5]


def test_separators_inside_quoted_names_do_not_count(tmp_path: Path) -> None:
    assert read(tmp_path, 'x_um,y_um,type,"a;b;c;d;e"\n1,2,CD8,3\n').x.tolist() == [1]


def test_gates_win_over_a_named_type_and_say_so(tmp_path: Path) -> None:
    gates = {"CD8 T": ("CD8+",), "B": ("CD8-",)}
    roles = {"effector": ("CD8 T",), "tumor": ("B",)}
    cells = read(tmp_path, "x_um,y_um,type,CD8\n1,2,A,1\n", gates=gates, type_column="type", roles=roles)
    assert cells.type.tolist() == ["CD8 T"]
    assert cells.warnings == (
        "cells.type is not used, since cells.gates gives the types",
        "no cell is of type 'B', listed as tumor in cells.roles",
    )


def test_type_without_probability_is_sure_and_no_type_too(tmp_path: Path) -> None:
    untyped = read(tmp_path, "x_um,y_um,type,p\n1,1,CD8,0.25\n2,2,,\n", type_probability="p")
    assert not any("probability" in warning for warning in untyped.warnings)
    cells = read(tmp_path, "x_um,y_um,type,p\n1,1,CD8,0.25\n2,2,,0.5\n", type_probability="P")
    np.testing.assert_array_equal(cells.type_probability, [0.25, 1])
    assert read(tmp_path, "x_um,y_um,type,p\n1,1,CD8,0.25\n").type_probability.size == 0


def test_probability_of_texts_is_refused(tmp_path: Path) -> None:
    table = "x_um,y_um,type,p\n1,1,CD8,\n2,2,T,sure\n"
    assert "expected numbers in 'p' (cells.type_probability), found none (the first is 'sure')" in error(
        tmp_path, table, type_probability="p", roles={}
    )


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line", ["sep={}\n", "SEP={}\r\n", '"sep={}"\r\n'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_first_line_of_excel_is_no_header(tmp_path: Path, separator: str, line: str, encoding: str) -> None:
    text = line.format(separator) + TABLE.replace(",", separator)
    assert read(tmp_path, text.encode(encoding)).cell_id.tolist() == ["a", "b", "c"]
    assert "found 5 in row 3" in error(tmp_path, text.replace("Treg", f"Treg{separator}x").encode(encoding))


def test_lines_before_the_header_may_be_cut_by_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 2, 5, 6, 7, 30):
        monkeypatch.setattr(delimited, "BLOCK_BYTES", size)
        assert read(tmp_path, "sep=,\r\n" + TABLE).cell_id.tolist() == ["a", "b", "c"]
    assert "found no row" in error(tmp_path, "sep=,\nx_um,y_um,type\n")
    assert "expected" in error(tmp_path, "sep=,\n")


def test_words_for_no_type_are_few(tmp_path: Path) -> None:
    nothing = ["", "NA", "N/A", "#N/A", "NaN", "nan", " "]
    named = ["None", "none", "null", "NULL", "-", "unknown"]
    rows = "".join(f"1,2,{name}\n" for name in nothing + named)
    assert read(tmp_path, "x_um,y_um,type\n" + rows, roles={}).type.tolist() == ["unassigned"] * 7 + named


def test_words_for_no_number_are_no_number(tmp_path: Path) -> None:
    rows = "".join(f"{word},2,CD8\n" for word in ("", "None", "null", "#N/A", "NA", "-1.#IND"))
    assert read(tmp_path, "x_um,y_um,type\n7,1,CD8\n" + rows).x.tolist() == [7]
