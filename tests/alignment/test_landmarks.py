"""landmarks.csv: reads back what was written, to the bit, and names every fault in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from napari_metime.alignment import read_landmarks
from napari_metime.errors import AlignmentError, MissingFileError

HEADER = "source_x,source_y,target_x_um,target_y_um\n"


@given(
    landmarks=st_numpy.arrays(
        np.float64, st.tuples(st.integers(1, 5), st.just(4)), elements=st.floats(allow_nan=False, allow_infinity=False)
    ).filter(lambda rows: len({(x, y) for x, y, *_ in rows}) == len(rows))
)
def test_written_landmarks_read_back_to_the_bit(
    landmarks: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("landmarks") / "landmarks.csv"
    path.write_text(HEADER + "\n".join(",".join(map(repr, row)) for row in landmarks.tolist()))
    assert read_landmarks(path).tobytes() == landmarks.tobytes()


def test_columns_come_in_any_order_and_company(tmp_path: Path) -> None:
    path = tmp_path / "landmarks.csv"
    path.write_text("name;target_y_um;source_x;source_y;target_x_um\nduct;4;1;2;3\n\n", encoding="utf-8-sig")
    np.testing.assert_array_equal(read_landmarks(path), [[1, 2, 3, 4]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected the column 'source_x' once, found nothing"),
        ("x,y\n1,2\n", r"expected the column 'source_x' once, found 'x', 'y'"),
        (HEADER.replace("source_y", "source_x"), r"'source_x' once, found it twice"),
        (HEADER + "1,2,3,4\n1,5,left,4\n", r"expected four numbers in line 3, found '1,5,left,4'"),
        (HEADER + "1,2,3\n", r"expected four numbers in line 2, found '1,2,3,'"),
        (HEADER + "1,2,nan,4\n", r"expected four numbers in line 2"),
        (HEADER + "1,2,3,4\n\n1.0,2,3,5\n", r"each source point once, found it in lines 2 and 4"),
        (HEADER + "".join(f"{i},0,0,0\n" for i in range(1001)), r"at most 1000 landmarks, found 1001"),
        (HEADER + "1" * 1_000_001, r"at most 1 MB"),
        (HEADER + "1" * 200_000, r"expected a table of landmarks, found field larger"),
    ],
)
def test_fault_is_named_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "landmarks.csv"
    path.write_text(text)
    with pytest.raises(AlignmentError, match=message) as caught:
        read_landmarks(path)
    assert "\n" not in str(caught.value)


def test_other_bytes_than_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "landmarks.csv"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(AlignmentError, match="in UTF-8"):
        read_landmarks(path)


def test_missing_file_and_folder_name_the_key(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(MissingFileError, match=r"check align.landmarks"):
            read_landmarks(path)


def test_header_only_is_no_landmark(tmp_path: Path) -> None:
    path = tmp_path / "landmarks.csv"
    path.write_text(HEADER)
    assert read_landmarks(path).shape == (0, 4)
