"""Values taken apart and put together again: the same, linked as before, and nothing else than what is allowed."""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_metime.errors import ProjectError
from napari_metime.project import KINDS, Kind, pack, unpack
from napari_metime.project.parts import MAX_DIMENSIONS, check_parts, read_part, write_part
from napari_metime.section import no_progress


@dataclass(frozen=True, eq=False)
class Pair:
    left: Any
    right: Any


KNOWN = {"Pair": Kind(Pair)}
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=20,
)


def _there_and_back(value: object, tmp_path: Path) -> Any:
    path = tmp_path / "a.part"
    write_part(pack(value, KNOWN), path, on_progress=no_progress)
    return unpack(read_part(path), KNOWN)


@given(PLAIN)
@settings(deadline=None, max_examples=60)
def test_plain_values_come_back_with_their_types(value):
    packed = pack(value, KNOWN)
    found = unpack(packed, KNOWN)
    assert found == value
    assert repr(found) == repr(value)  # 1, 1.0 and True are equal, but not the same
    json.dumps(packed.tree, allow_nan=False)


@pytest.mark.parametrize("value", [math.inf, -math.inf, np.float32(0.1), np.int64(2**40), np.bool_(True)])
def test_numbers_come_back_as_the_very_numbers(value, tmp_path):
    found = _there_and_back(value, tmp_path)
    assert type(found) is type(value)
    assert found == value


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int32).reshape(2, 3),
        np.array([[np.nan, -0.0], [np.inf, 1e-320]]),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(20)[::3],
        np.zeros((0, 4), dtype=np.float32),
        np.array(True),
        np.arange(5, dtype=">f4"),
        np.arange(5, dtype=np.float16),
    ],
)
def test_arrays_come_back_to_the_bit(array, tmp_path):
    found = _there_and_back(array, tmp_path)
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable


def test_arrays_of_texts_and_of_other_values_come_back(tmp_path):
    texts = np.array(["CD8", "", "Treg µ", "CD8"], dtype=object)
    others = np.array([None, True, 1, 1.0, "a", ("b", "c"), math.inf], dtype=object)
    found = _there_and_back((texts, others), tmp_path)
    assert found[0].tolist() == texts.tolist()
    assert list(map(repr, found[1])) == list(map(repr, others))


def test_a_table_comes_back_with_its_types_and_gaps(tmp_path):
    frame = pd.DataFrame(
        {
            "name": ["a", None, ""],
            "n": [1, 2, 3],
            "x": np.array([0.1, np.nan, -0.0], dtype=np.float32),
            "region": pd.array([1, None, 3], dtype="Int64"),
            "members": [("a", "b"), (), None],
            "is_in": [True, False, True],
        },
        index=[3, 1, 2],
    )
    pd.testing.assert_frame_equal(_there_and_back(frame, tmp_path), frame, check_exact=True)


@pytest.mark.parametrize(
    "frame", [pd.DataFrame(), pd.DataFrame({"a": []}), pd.DataFrame(columns=["a", "b"]), pd.DataFrame(index=range(3))]
)
def test_an_empty_table_comes_back(frame, tmp_path):
    pd.testing.assert_frame_equal(_there_and_back(frame, tmp_path), frame)


def test_what_was_one_object_is_one_object_again(tmp_path):
    array, inner = np.arange(3), Pair(1, 2)
    first = Pair(inner, array)
    found = _there_and_back((first, Pair(first, inner), array), tmp_path)
    assert found[1].left is found[0]
    assert found[1].right is found[0].left
    assert found[2] is found[0].right


def test_what_is_kept_apart_is_put_in_its_place_again():
    result = Pair(1, 2)
    packed = pack((result, result), KNOWN, apart={id(result): "r1"})
    assert not packed.tree["objects"]
    again = Pair(3, 4)
    assert unpack(packed, KNOWN, apart={"r1": again}) == (again, again)


def test_paths_are_told_and_followed_to_where_they_are_now(tmp_path):
    value = {"path": Path("/old/cells.csv"), "method": "/old/mask.tif", "word": "auto", "placed": Path("landmarks.csv")}
    packed = pack(value, KNOWN)
    assert packed.paths == {"/old/cells.csv", "/old/mask.tif"}
    found = unpack(packed, KNOWN, moved={"/old/cells.csv": "/new/cells.csv", "/old/mask.tif": "/new/mask.tif"})
    assert found == {**value, "path": Path("/new/cells.csv"), "method": "/new/mask.tif"}


@pytest.mark.parametrize("value", [object(), {1, 2}, 1 + 2j, np.datetime64(1, "s"), lambda: None])
def test_what_stands_in_no_table_is_not_kept(value):
    with pytest.raises(ProjectError, match="that a project can keep"):
        pack(Pair(value, None), KNOWN)


@pytest.mark.parametrize(
    "tree",
    [
        {"objects": [["Popen", {"args": "ls"}]], "root": {"object": 0}},
        {"objects": [["os.system", {}]], "root": None},
        {"objects": [["Pair", {"left": 1}]], "root": None},
        {"objects": [["Pair", {"left": 1, "right": 2, "more": 3}]], "root": None},
        {"objects": [], "root": {"object": 0}},
        {"objects": [], "root": {"array": 7}},
        {"objects": [], "root": {"call": "ls"}},
        {"objects": [], "root": {"dtype": "O"}},
        {"objects": [], "root": {"dtype": "f8,O"}},
        {"objects": [], "root": {"float": "1e999"}},
        {"objects": [], "root": {"values": [[1, 2], [3]]}},
        {"objects": [], "root": {"frame": {"dict": []}}},
        {"objects": [], "root": {"apart": "r9"}},
        {"objects": [], "root": {"a": 1, "b": 2}},
        {"objects": 3, "root": None},
        {"root": None},
        {},
    ],
)
def test_another_tree_is_told_in_one_line(tree):
    from napari_metime.project.codec import Packed

    with pytest.raises(ProjectError) as told:
        unpack(Packed(tree, ()), KNOWN)
    assert str(told.value).startswith("expected ")
    assert "\n" not in str(told.value)


def test_a_tree_of_too_many_levels_is_refused():
    from napari_metime.project.codec import Packed

    tree: Any = None
    for _ in range(200):
        tree = [tree]
    with pytest.raises(ProjectError, match="levels"):
        unpack(Packed({"objects": [], "root": tree}, ()), KNOWN)


def _npy(dtype: str, shape: str, body: bytes = b"", head: str = "") -> bytes:
    head = (head or f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}").ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + body


def _part(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


TREE = json.dumps({"objects": [], "root": {"array": 0}}).encode()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"0.npy": b""}, "structure"),
        ({"structure.json": b"{"}, "damaged"),
        ({"structure.json": b"[" * 100_000}, "damaged"),
        ({"structure.json": b"[]"}, "another one"),
        ({"structure.json": TREE, "0.npy": b"no array"}, "damaged"),
        ({"structure.json": TREE, "1.npy": b""}, "damaged"),
        (
            {"structure.json": TREE, "0.npy": _npy("<f8", "(10**12,)")},
            "damaged",
        ),
        (
            {"structure.json": TREE, "0.npy": _npy("<f8", "(999999999,)")},
            "shorter or longer",
        ),
        (
            {"structure.json": TREE, "0.npy": _npy("|O", "(1,)", b"c" * 8)},
            "something else than numbers",
        ),
        (
            {
                "structure.json": TREE,
                "0.npy": _npy("<f8", str((1,) * (MAX_DIMENSIONS + 1)), b"c" * 8),
            },
            "something else than numbers",
        ),
        ({"structure.json": TREE, "0.npy": _npy("", "", head="__import__('os').getcwd()")}, "damaged"),
    ],
)
def test_another_file_is_told_in_one_line(members, words, tmp_path):
    with pytest.raises(ProjectError, match=words) as told:
        read_part(_part(tmp_path / "a.part", members))
    assert "\n" not in str(told.value)


def test_no_pickle_is_ever_loaded(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.array([Pair(1, 2)], dtype=object), allow_pickle=True)
    with pytest.raises(ProjectError, match="something else than numbers"):
        read_part(_part(tmp_path / "a.part", {"structure.json": TREE, "0.npy": buffer.getvalue()}))


def test_more_than_the_limit_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = _part(tmp_path / "a.part", {"structure.json": TREE, "0.npy": _npy("<f8", "(125,)", b"0" * 1000)})
    monkeypatch.setattr("napari_metime.project.parts.MAX_PART_BYTES", 900)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(ProjectError, match="found more"):
        read_part(path)


def test_more_than_the_limit_in_all_files_is_refused_before_one_is_unpacked(tmp_path, monkeypatch):
    paths = [
        _part(tmp_path / f"{name}.part", {"structure.json": TREE, "0.npy": _npy("<f8", "(125,)", b"0" * 1000)})
        for name in "abc"
    ]
    n_bytes = len(TREE) + 128 + 1000
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    monkeypatch.setattr("napari_metime.project.parts.MAX_PROJECT_BYTES", 3 * n_bytes)
    check_parts(paths)
    with pytest.raises(ProjectError, match="in a project"):
        check_parts([*paths, paths[0]])
    paths[1].write_bytes(b"no zip")
    with pytest.raises(ProjectError, match=r"b\.part, found a damaged one"):
        check_parts(paths)


def test_too_little_memory_is_told_in_words(tmp_path, monkeypatch):
    from napari_metime.project.codec import Packed

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    packed = Packed({"objects": [["Pair", {"left": 1, "right": 2}]], "root": None}, ())
    with pytest.raises(ProjectError, match="enough free memory"):
        unpack(packed, {"Pair": replace(KNOWN["Pair"], make=fail)})
    path = _part(tmp_path / "a.part", {"structure.json": TREE})
    monkeypatch.setattr(zipfile.ZipFile, "read", fail)
    with pytest.raises(ProjectError, match=r"enough free memory for a\.part"):
        read_part(path)


def _frame(stop: int, *columns: object, kind: str = "object") -> dict[str, Any]:
    """A tree of a table with columns ``{"array": 0}`` or others, and its rows."""
    index = {"dict": [["range", [0, stop, 1]]]} if stop else {"dict": [["type", kind], ["values", {"array": 0}]]}
    names = {"dict": [["range", [0, len(columns), 1]]]}
    rows = [["columns", names], ["index", index], ["data", list(columns)]]
    return {"objects": [], "root": {"frame": {"dict": rows}}}


@pytest.mark.parametrize(
    "tree",
    [
        _frame(10**13, ["float64", 1.5]),
        _frame(10**13, ["float64", {"array": 0}]),
        _frame(10**13, ["Int64", 1, False]),
        _frame(10**13),
        _frame(3, ["Int64", {"array": 0}, True]),
        _frame(3, ["float64", [1.0, 2.0, 3.0]]),
        _frame(2, ["float64", {"array": 0}]),
        _frame(3, ["S100000000000", {"array": 0}]),
        _frame(0, kind="S100000000000"),
    ],
)
def test_a_table_that_says_it_is_larger_than_its_columns_is_refused_before_it_is_made(tree, monkeypatch):
    from napari_metime.project.codec import Packed

    for name in ("DataFrame", "Series"):
        monkeypatch.setattr(f"pandas.{name}", lambda *_, **__: pytest.fail("pandas was asked"))
    with pytest.raises(ProjectError, match="do not fit together"):
        unpack(Packed(tree, (np.zeros(3),)), KNOWN)


@pytest.mark.parametrize("n_bytes", [0, 10, 100])
def test_a_file_that_was_cut_off_is_told(n_bytes, tmp_path):
    path = tmp_path / "a.part"
    write_part(pack(np.arange(1000), KNOWN), path, on_progress=no_progress)
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(ProjectError, match="damaged"):
        read_part(path)


def test_a_flipped_bit_is_told(tmp_path):
    path = tmp_path / "a.part"
    write_part(pack(np.random.default_rng(0).normal(size=1000), KNOWN), path, on_progress=no_progress)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ProjectError, match="damaged"):
        read_part(path)


def test_every_noun_of_a_section_can_be_kept():
    from dataclasses import is_dataclass

    from napari_metime import section

    nouns = {name for name in section.__all__ if is_dataclass(getattr(section, name))}
    assert nouns - {"SectionResult"} <= set(KINDS)
