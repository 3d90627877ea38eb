"""What the cache gives back, and that nothing that happens to it can harm."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_metime.ims import cache
from napari_metime.ims.cache import cache_folder, load_arrays, save_arrays

KEY = {"path": "/data/größe.imzML", "size": 7, "plane": None}
ARRAYS = {"a": np.arange(5), "b": np.eye(3, dtype=np.float32)}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    return tmp_path / "napari-metime" / "datasets"


kinds = st.sampled_from(["?", "<f4", "<f8", "<i8", "<i4", "|u1", "<u2"]).map(np.dtype)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=5), hnp.arrays(kinds, hnp.array_shapes(min_dims=0, min_side=0)), max_size=4))
def test_arrays_come_back_to_the_bit(arrays: dict[str, np.ndarray]) -> None:
    save_arrays(KEY, "x", arrays)
    found = load_arrays(KEY, "x")
    assert found is not None
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()
        assert found[name].flags.writeable


def test_another_key_or_name_finds_nothing() -> None:
    save_arrays(KEY, "x", ARRAYS)
    assert load_arrays(KEY, "y") is None
    assert load_arrays({**KEY, "size": 8}, "x") is None
    assert load_arrays(dict(reversed(KEY.items())), "x") is not None


def test_saving_again_replaces() -> None:
    save_arrays(KEY, "x", ARRAYS)
    save_arrays(KEY, "x", {"c": np.zeros(2)})
    assert list(load_arrays(KEY, "x") or {}) == ["c"]


def test_only_numbers_are_kept() -> None:
    with pytest.raises(TypeError):
        save_arrays(KEY, "x", {"a": np.array([{}], dtype=object)})


def test_any_damage_counts_as_none(folder: Path) -> None:
    save_arrays(KEY, "x", ARRAYS)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    for i in [*range(0, len(whole), 4), len(whole) - 1]:
        file.write_bytes(whole[:i] + bytes([whole[i] ^ 0x40]) + whole[i + 1 :])
        assert load_arrays(KEY, "x") is None, i
        file.write_bytes(whole[:i])
        assert load_arrays(KEY, "x") is None, i
    file.write_bytes(whole + b"\0")
    assert load_arrays(KEY, "x") is None
    file.write_bytes(whole)
    assert load_arrays(KEY, "x") is not None


def test_the_file_of_another_key_is_not_taken_for_this_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_path", lambda key, name: folder / "same")
    save_arrays(KEY, "x", ARRAYS)
    assert load_arrays({**KEY, "size": 8}, "x") is None
    assert load_arrays(KEY, "x") is not None


def test_a_folder_that_cannot_be_written_is_no_error(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder should be")
    save_arrays(KEY, "x", ARRAYS)
    assert load_arrays(KEY, "x") is None


def test_a_full_disk_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_arrays(KEY, "x", ARRAYS)

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    save_arrays(KEY, "x", {"c": np.zeros(2)})
    assert list(load_arrays(KEY, "x") or {}) == ["a", "b"]
    assert len(list(folder.iterdir())) == 1


def test_the_oldest_go_when_there_are_too_many(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(4):
        save_arrays(KEY, str(i), {"a": np.zeros(1000)})
        for file in folder.iterdir():
            os.utime(file, ns=(0, file.stat().st_mtime_ns - 10**9))
    size = next(folder.iterdir()).stat().st_size
    monkeypatch.setattr(cache, "MAX_TOTAL_BYTES", 3 * size)
    save_arrays(KEY, "4", {"a": np.zeros(1000)})
    assert [load_arrays(KEY, str(i)) is not None for i in range(5)] == [False, False, True, True, True]


def test_what_is_too_large_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_arrays(KEY, "x", ARRAYS)
    monkeypatch.setattr(cache, "MAX_FILE_BYTES", 100)
    assert load_arrays(KEY, "x") is None
    save_arrays(KEY, "y", ARRAYS)
    assert len(list(folder.iterdir())) == 1


def test_writers_side_by_side_never_show_half_a_file() -> None:
    arrays = [{"a": np.full(20_000, i)} for i in range(4)]
    save_arrays(KEY, "x", arrays[0])

    def write(i: int) -> None:
        for _ in range(20):
            save_arrays(KEY, "x", arrays[i])

    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        found = load_arrays(KEY, "x")
        assert found is not None
        assert np.unique(found["a"]).size == 1
    for thread in threads:
        thread.join()


def test_it_lies_in_the_users_cache(folder: Path) -> None:
    assert cache_folder() == folder
