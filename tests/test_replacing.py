"""Nothing is ever half-written, and what stood there before comes back after an error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_metime.errors import OutputError
from napari_metime.replacing import replaced_file, replaced_folder, replaced_pair, wait_for_disk


def _old_folder(out: Path) -> Path:
    out.mkdir()
    (out / "old.csv").write_text("old", encoding="utf-8")
    return out


def _old_pair(folder: Path) -> tuple[Path, Path]:
    pair = folder / "a.imzML", folder / "a.ibd"
    for path in pair:
        path.write_text("old", encoding="utf-8")
    return pair


def _begin_and_fail(out: Path, error: type[BaseException]) -> None:
    with replaced_folder(out) as folder:
        (folder / "new.csv").write_text("new", encoding="utf-8")
        raise error


def _write_pair(path: Path, data_path: Path) -> None:
    with replaced_pair(path, data_path) as new:
        new.write_text("new", encoding="utf-8")
        (new.parent / data_path.name).write_text("new", encoding="utf-8")


def _write_half(path: Path) -> None:
    with replaced_file(path) as new:
        new.write_text("half", encoding="utf-8")
        raise OSError("full")


def _fail_on_rename(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rename, calls = Path.rename, []

    def fail(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == number:
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)


def _names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_old_folder_goes_when_the_new_one_is_whole(tmp_path: Path) -> None:
    out = _old_folder(tmp_path / "out")
    with replaced_folder(out) as folder:
        (folder / "new.csv").write_text("new", encoding="utf-8")
        assert (out / "old.csv").exists()
    assert _names(out) == ["new.csv"]
    assert _names(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    out = _old_folder(tmp_path / "out")
    with pytest.raises(error):
        _begin_and_fail(out, error)
    assert _names(out) == ["old.csv"]
    assert _names(tmp_path) == ["out"]


@pytest.mark.parametrize("failure", [1, 2])
def test_a_move_that_fails_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: int
) -> None:
    out = _old_folder(tmp_path / "out")
    _fail_on_rename(failure, monkeypatch)
    with pytest.raises(OutputError, match="found: Permission denied"), replaced_folder(out):
        pass
    assert (out / "old.csv").read_text(encoding="utf-8") == "old"
    assert _names(tmp_path) == ["out"]


def test_parent_folders_are_made_and_after_an_error_removed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        _begin_and_fail(tmp_path / "a" / "b" / "out", RuntimeError)
    assert not list(tmp_path.iterdir())
    with replaced_folder(tmp_path / "a" / "b" / "out"):
        pass
    assert (tmp_path / "a" / "b" / "out").is_dir()


def test_a_file_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(OutputError, match=r"expected to write .*x.npy, found: full"):
        _write_half(path)
    assert path.read_text(encoding="utf-8") == "old"
    with replaced_file(path) as new:
        new.write_text("new", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "new"
    assert _names(tmp_path) == ["x.npy"]


def test_a_folder_that_may_not_be_asked_whether_it_is_on_the_disk_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One may write in a folder that one may not read."""
    opened = os.open

    def refuse(path: Path, *how: int, **more: int) -> int:
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied")
        return opened(path, *how, **more)

    with monkeypatch.context() as disk:
        disk.setattr(os, "open", refuse)
        wait_for_disk(tmp_path)
        with pytest.raises(FileNotFoundError):
            wait_for_disk(tmp_path / "nothing")


@pytest.mark.parametrize("is_there", [False, True])
def test_a_pair_comes_into_place_together(tmp_path: Path, is_there: bool) -> None:
    pair = _old_pair(tmp_path) if is_there else (tmp_path / "a.imzML", tmp_path / "a.ibd")
    _write_pair(*pair)
    assert [path.read_text(encoding="utf-8") for path in pair] == ["new", "new"]
    assert _names(tmp_path) == ["a.ibd", "a.imzML"]


@pytest.mark.parametrize("failure", range(1, 5))
def test_a_pair_whose_move_fails_anywhere_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: int
) -> None:
    pair = _old_pair(tmp_path)
    _fail_on_rename(failure, monkeypatch)
    with pytest.raises(OutputError, match="found: Permission denied"):
        _write_pair(*pair)
    assert [path.read_text(encoding="utf-8") for path in pair] == ["old", "old"]
    assert _names(tmp_path) == ["a.ibd", "a.imzML"]


def test_the_main_file_never_stands_beside_the_data_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair, rename, seen = _old_pair(tmp_path), Path.rename, []

    def look(self: Path, target: Path) -> Path:
        moved = rename(self, target)
        seen.append([path.read_text(encoding="utf-8") if path.exists() else "" for path in pair])
        return moved

    monkeypatch.setattr(Path, "rename", look)
    _write_pair(*pair)
    assert len(seen) == 4
    assert all(main in ("", data) for main, data in seen)


def test_a_folder_in_the_place_of_a_file_stays(tmp_path: Path) -> None:
    _old_folder(tmp_path / "a.imzML")
    with pytest.raises(OutputError, match=r"the folder a\.imzML"):
        _write_pair(tmp_path / "a.imzML", tmp_path / "a.ibd")
    assert _names(tmp_path / "a.imzML") == ["old.csv"]
