"""A project on disk: what is written again, what a kill leaves, where its inputs are looked for."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_metime.cli import main
from napari_metime.errors import Cancelled, OutputError, ProjectError
from napari_metime.project import HEAD, Kind, Project, is_project, load_project, read_head, save_project
from napari_metime.project import folder as on_disk
from napari_metime.project.inputs import MAX_WHOLE_BYTES, N_SAMPLES, SAMPLE_BYTES


@dataclass(frozen=True, eq=False)
class Result:
    image: np.ndarray
    by: Any = None


KNOWN = {"Result": Kind(Result)}


def _project(results: dict[str, Result], *paths: Path) -> Project:
    return Project("S1", ("tissue found",), {"files": paths, "results": dict(results)}, results)


@pytest.fixture
def results() -> dict[str, Result]:
    return {name: Result(np.full(5, number)) for number, name in enumerate(["a1", "b2"])}


@pytest.fixture
def saved(tmp_path, results) -> Path:
    return save_project(_project(results), tmp_path / "p", KNOWN)


def _parts(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in (folder / "parts").iterdir()}


def test_it_comes_back_with_its_results_in_their_places(saved):
    loaded = load_project(saved, KNOWN)
    assert loaded.head.section == "S1"
    assert loaded.head.steps == ("tissue found",)
    assert abs(loaded.head.saved_at - datetime.now(UTC)) < timedelta(minutes=5)
    found = loaded.state["results"]
    assert found["a1"].image.tolist() == [0] * 5
    assert found["b2"].image.tolist() == [1] * 5


@pytest.mark.parametrize("name", ["", HEAD])
def test_it_is_known_by_its_folder_and_by_its_head(saved, name):
    path = saved / name if name else saved
    assert is_project(path)
    assert read_head(path).folder == saved
    assert not is_project(saved.parent)


def test_only_what_is_new_is_written_and_what_is_gone_is_deleted(saved, results):
    before = _parts(saved)
    new = {"a1": results["a1"], "c3": Result(np.arange(3))}
    save_project(_project(new), saved, KNOWN)
    after = _parts(saved)
    assert after["a1.part"] == before["a1.part"]
    assert sorted(name for name in after if not name.startswith("state")) == ["a1.part", "c3.part"]
    assert sum(name.startswith("state") for name in after) == 1
    assert load_project(saved, KNOWN).state["results"]["c3"].image.tolist() == [0, 1, 2]


@pytest.mark.parametrize("at", [0.1, 0.5, 0.85, 0.9])
def test_a_save_that_is_cancelled_leaves_the_former_one_whole(saved, results, at, tmp_path):
    data = tmp_path / "cells.csv"
    data.write_text("x")

    def stop(fraction: float, text: str) -> None:
        if fraction >= at:
            raise Cancelled("cancelled")

    more = {**results, "c3": Result(np.arange(3)), "d4": Result(np.arange(3))}
    with pytest.raises(Cancelled):
        save_project(_project(more, data), saved, KNOWN, on_progress=stop)
    assert set(load_project(saved, KNOWN).state["results"]) == {"a1", "b2"}
    assert not list(tmp_path.rglob(".metime.*"))


def test_a_first_save_that_is_cancelled_leaves_nothing(tmp_path, results):
    def stop(fraction: float, text: str) -> None:
        raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        save_project(_project(results), tmp_path / "p", KNOWN, on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def _save_and_stand_still(folder: Path, told: Any) -> None:
    def stand_still(fraction: float, text: str) -> None:
        if fraction > 0.3:
            told.set()
            time.sleep(60)

    more = {name: Result(np.arange(1000)) for name in ("c3", "d4", "e5")}
    save_project(_project(more), folder, KNOWN, on_progress=stand_still)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_kill_in_the_middle_of_a_save_leaves_the_former_one_whole(saved, results):
    context = multiprocessing.get_context("fork")
    told = context.Event()
    process = context.Process(target=_save_and_stand_still, args=(saved, told), daemon=True)
    process.start()
    assert told.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert set(load_project(saved, KNOWN).state["results"]) == {"a1", "b2"}
    save_project(_project(results), saved, KNOWN)
    assert set(load_project(saved, KNOWN).state["results"]) == {"a1", "b2"}


def test_what_a_killed_save_left_goes_once_it_is_old(saved, results):
    parts, then = saved / "parts", time.time() - 2 * on_disk.OTHERS_S
    young, old = (parts / "young.part", parts / ".metime.young"), (parts / f"{'0' * 32}.part", saved / ".metime.old")
    for file, scratch in (young, old):
        file.write_bytes(b"half")
        scratch.mkdir()
        (scratch / "half.part").write_bytes(b"half")
    for each in old:
        os.utime(each, (then, then))
    save_project(_project(results), saved, KNOWN)
    assert [each.exists() for each in (*young, *old)] == [True, True, False, False]


def test_what_a_person_put_among_the_parts_stays(saved, results):
    then = time.time() - 2 * on_disk.OTHERS_S
    files = [saved / "parts" / name for name in ("thesis.docx", "mine.part", "a1.part.bak")]
    for file in files:
        file.write_bytes(b"mine")
        os.utime(file, (then, then))
    save_project(_project(results), saved, KNOWN)
    assert all(file.exists() for file in files)


def test_a_link_to_another_folder_is_not_written_into(saved, results, tmp_path):
    other = (saved / "parts").rename(tmp_path / "other")
    before = sorted(other.iterdir())
    (saved / "parts").symlink_to(other, target_is_directory=True)
    with pytest.raises(OutputError, match="found a link to another one"):
        save_project(_project(results), saved, KNOWN)
    assert sorted(other.iterdir()) == before


def test_what_another_window_saved_is_not_written_over(saved, results):
    mine = read_head(saved).state
    save_project(_project(results), saved, KNOWN, over=mine)
    theirs = read_head(saved).state
    with pytest.raises(OutputError, match="another window has saved"):
        save_project(_project({}), saved, KNOWN, over=mine)
    assert read_head(saved).state == theirs
    assert set(load_project(saved, KNOWN).state["results"]) == {"a1", "b2"}


def test_a_save_of_another_window_in_the_middle_of_one_is_not_lost(saved, results):
    def meanwhile(*_: object) -> None:
        if not theirs:
            theirs.append("")
            save_project(_project(results), saved, KNOWN)
            theirs[0] = read_head(saved).state

    theirs: list[str] = []
    with pytest.raises(OutputError, match="another window has saved"):
        save_project(_project({"c3": Result(np.arange(5))}), saved, KNOWN, on_progress=meanwhile)
    assert read_head(saved).state == theirs[0]
    assert set(load_project(saved, KNOWN).state["results"]) == {"a1", "b2"}


def test_a_result_that_is_gone_from_the_disk_is_written_again(saved, results):
    (saved / "parts" / "a1.part").unlink()
    save_project(_project(results), saved, KNOWN)
    assert load_project(saved, KNOWN).state["results"]["a1"].image.tolist() == [0] * 5


def test_a_folder_with_other_files_is_refused_and_stays(tmp_path, results):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "thesis.docx").write_text("x")
    with pytest.raises(OutputError, match="choose another name"):
        save_project(_project(results), tmp_path / "p", KNOWN)
    assert [each.name for each in (tmp_path / "p").iterdir()] == ["thesis.docx"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything may be written")
def test_a_place_that_cannot_be_written_is_told(tmp_path, results):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="expected to write"):
        save_project(_project(results), tmp_path / "locked" / "p", KNOWN)


def _full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("at", ["write_part", "json.dumps", "os.fsync", "os.replace"])
def test_a_full_disk_is_told_and_the_former_save_is_whole(saved, results, monkeypatch, at, tmp_path):
    module = {"write_part": "napari_metime.project.folder."}.get(at, "")
    more = _project({**results, "c3": Result(np.arange(3))})
    with monkeypatch.context() as disk:
        disk.setattr(f"{module}{at}", _full)
        for folder in (saved, tmp_path / "new"):
            with pytest.raises(OutputError) as told:
                save_project(more, folder, KNOWN)
            assert str(told.value).startswith(f"expected room for {folder}, found the disk full; ")
    assert set(load_project(saved, KNOWN).state["results"]) == {"a1", "b2"}
    assert [each.name for each in tmp_path.iterdir()] == ["p"]
    assert not list(saved.rglob(".metime.*"))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="which file is waited for is read there")
def test_all_that_the_head_names_stands_on_the_disk_before_the_head_does(saved, results, monkeypatch):
    done: list[str] = []
    fsync, replace_ = os.fsync, os.replace

    def note(handle: int) -> None:
        done.append(f"on disk: {Path(os.readlink(f'/proc/self/fd/{handle}')).name}")
        fsync(handle)

    def move(source: Path, target: Path) -> None:
        done.append(f"in place: {Path(target).name}")
        replace_(source, target)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "replace", move)
    save_project(_project({**results, "c3": Result(np.arange(3))}), saved, KNOWN)
    state = f"{read_head(saved).state}.part"
    assert done == [
        *("on disk: c3.part", "in place: c3.part", "on disk: parts"),
        *(f"on disk: {state}", f"in place: {state}", "on disk: parts"),
        *(f"on disk: {HEAD}", f"in place: {HEAD}", "on disk: p"),
    ]


@pytest.mark.parametrize(("limit", "n_bytes"), [("MAX_PART_BYTES", 8 * 1000 - 1), ("MAX_PROJECT_BYTES", 2 * 8 * 1000)])
def test_what_could_not_be_opened_again_is_not_saved(saved, results, monkeypatch, limit, n_bytes):
    first = {**results, "c3": Result(np.arange(1000))}
    save_project(_project(first), saved, KNOWN)
    monkeypatch.setattr(f"napari_metime.project.parts.{limit}", n_bytes)
    with pytest.raises(ProjectError, match=r"to save, .* found 0\.0 GB.*measure fewer metabolites"):
        save_project(_project({**first, "d4": Result(np.arange(1000))}), saved, KNOWN)
    assert set(read_head(saved).results) == set(first)


def _change_head(folder: Path, **values: object) -> None:
    head = json.loads((folder / HEAD).read_text())
    (folder / HEAD).write_text(json.dumps({**head, **values}))


@pytest.mark.parametrize(
    "values",
    [
        {"napari-metime project": 2},
        {"napari-metime project": None},
        {"state": "../../etc/passwd"},
        {"state": "a/b"},
        {"state": ["a"]},
        {"results": ["a1", "..\\b"]},
        {"results": [f"r{number}" for number in range(2000)]},
        {"saved": "yesterday"},
        {"saved": "2026-01-01T00:00:00"},
        {"inputs": [{"path": "cells.csv"}]},
        {"inputs": [{"path": "cells.csv", "beside": "", "n_bytes": 1, "changed_ns": 1, "digest": ""}]},
        {"inputs": [{"path": "/c\0", "beside": "", "n_bytes": 1, "changed_ns": 1, "digest": ""}]},
        {"inputs": [{"path": "/c", "beside": "", "n_bytes": "1", "changed_ns": 1, "digest": ""}]},
        {"inputs": 3},
    ],
)
def test_another_head_is_told_in_one_line(saved, values):
    _change_head(saved, **values)
    with pytest.raises(ProjectError) as told:
        load_project(saved, KNOWN)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b"[" * 100_000, b" " * (5 << 20)])
def test_another_file_of_the_name_is_told_in_one_line(saved, content):
    (saved / HEAD).write_bytes(content)
    with pytest.raises(ProjectError) as told:
        load_project(saved, KNOWN)
    assert "\n" not in str(told.value)


def test_a_project_of_a_later_version_is_told(saved):
    _change_head(saved, **{"napari-metime project": 2, "written_by": "9.1"})
    with pytest.raises(ProjectError, match=r"opens in p, found one that version 9\.1 saved; update napari-metime"):
        load_project(saved, KNOWN)


def test_no_project_is_told(tmp_path):
    with pytest.raises(ProjectError, match=r"expected a saved project .*choose its folder"):
        load_project(tmp_path / "nothing", KNOWN)


@pytest.fixture
def with_input(tmp_path, results) -> tuple[Path, Path]:
    """A project and a file that it was made from, in one folder."""
    (tmp_path / "study" / "data").mkdir(parents=True)
    file = tmp_path / "study" / "data" / "cells.csv"
    file.write_text("x,y\n1,2\n")
    return save_project(_project(results, file), tmp_path / "study" / "p", KNOWN), file


def test_an_input_that_is_where_it_was_is_the_same(with_input):
    saved, file = with_input
    (found,) = load_project(saved, KNOWN).inputs
    assert (found.path, found.is_same, found.is_moved) == (str(file), True, False)


def test_a_study_that_was_moved_as_a_whole_finds_its_inputs(with_input, tmp_path):
    (tmp_path / "study").rename(tmp_path / "elsewhere")
    loaded = load_project(tmp_path / "elsewhere" / "p", KNOWN)
    (found,) = loaded.inputs
    assert found.path == str(tmp_path / "elsewhere" / "data" / "cells.csv")
    assert found.is_same
    assert found.is_moved
    assert loaded.state["files"] == (Path(found.path),)


def test_an_input_that_lies_beside_the_project_by_now_is_found(with_input):
    saved, file = with_input
    file.rename(saved.parent / "cells.csv")
    (found,) = load_project(saved, KNOWN).inputs
    assert found.path == str(saved.parent / "cells.csv")


def test_another_file_of_its_name_beside_the_project_is_not_taken_for_it(with_input):
    saved, file = with_input
    file.unlink()
    (saved.parent / "cells.csv").write_text("x,y\n1,3\n")
    loaded = load_project(saved, KNOWN)
    (found,) = loaded.inputs
    assert found.path is None
    assert loaded.state["files"] == (file,)


def test_a_project_from_another_system_finds_its_inputs_by_the_way_to_them(with_input):
    saved, file = with_input
    (noted,) = json.loads((saved / HEAD).read_text())["inputs"]
    _change_head(saved, inputs=[{**noted, "path": "C:\\study\\data\\cells.csv"}])
    (found,) = load_project(saved, KNOWN).inputs
    assert (found.path, found.is_same) == (str(file), True)
    file.rename(saved.parent / "cells.csv")
    (found,) = load_project(saved, KNOWN).inputs
    assert found.path == str(saved.parent / "cells.csv")


def test_an_input_that_was_changed_is_told(with_input):
    saved, file = with_input
    file.write_text("x,y\n1,3\n")  # as long as before
    (found,) = load_project(saved, KNOWN).inputs
    assert (found.path, found.is_same) == (str(file), False)


def test_an_input_that_is_gone_stays_noted_when_the_project_is_saved_again(with_input, results):
    saved, file = with_input
    noted = read_head(saved).inputs
    file.unlink()
    save_project(_project(results, file), saved, KNOWN)
    assert read_head(saved).inputs == noted


def test_an_input_of_the_same_size_and_time_is_not_read_again(with_input, results, monkeypatch):
    saved, file = with_input
    monkeypatch.setattr("napari_metime.project.inputs._digest", lambda *_: pytest.fail("it was read"))
    assert save_project(_project(results, file), saved, KNOWN) == saved


def test_a_large_input_is_known_by_pieces_of_it(tmp_path, results):
    file = tmp_path / "large.ibd"
    with file.open("wb") as opened:  # sparse: it takes no room
        opened.truncate(MAX_WHOLE_BYTES + SAMPLE_BYTES)
    saved = save_project(_project(results, file), tmp_path / "p", KNOWN)
    (noted,) = read_head(saved).inputs
    assert noted.digest.startswith("sha256-sampled:")
    last = MAX_WHOLE_BYTES  # where the last piece begins
    for place in (0, last * 7 // (N_SAMPLES - 1), last, last + SAMPLE_BYTES - 1):
        with file.open("r+b") as opened:
            opened.seek(place)
            opened.write(b"1")
        assert not load_project(saved, KNOWN).inputs[0].is_same
        with file.open("r+b") as opened:
            opened.seek(place)
            opened.write(b"\0")
        assert load_project(saved, KNOWN).inputs[0].is_same


def test_an_image_that_is_a_folder_is_known_by_its_files_and_other_folders_are_no_inputs(tmp_path, results):
    image, other = tmp_path / "image.zarr", tmp_path / "results"
    for folder in (image, other):
        (folder / "0").mkdir(parents=True)
        (folder / "0" / "0.0").write_bytes(b"1234")
    (image / ".zattrs").write_text("{}")
    saved = save_project(_project(results, image, other), tmp_path / "p", KNOWN)
    (noted,) = read_head(saved).inputs
    assert (noted.path, noted.n_bytes) == (str(image), 6)
    (image / "0" / "0.1").write_bytes(b"1")
    assert not load_project(saved, KNOWN).inputs[0].is_same


def test_a_folder_of_the_same_sizes_and_times_keeps_its_checksum_and_one_of_too_many_files_has_one_wherever_it_lies(
    tmp_path, results, monkeypatch
):
    image = tmp_path / "image.zarr"
    for row in range(3):
        (image / "0" / str(row)).mkdir(parents=True)
        for column in range(4):
            (image / "0" / str(row) / str(column)).write_bytes(b"1" * (row + column))
    (image / ".zattrs").write_text("{}")
    monkeypatch.setattr("napari_metime.project.inputs.MAX_FILES_OF_IMAGE", 7)
    saved = save_project(_project(results, image), tmp_path / "p", KNOWN)
    scandir = os.scandir

    @contextmanager
    def backwards(path: Path) -> Iterator[list[os.DirEntry[str]]]:
        with scandir(path) as entries:
            yield list(entries)[::-1]

    monkeypatch.setattr(os, "scandir", backwards)
    assert load_project(saved, KNOWN).inputs[0].is_same
    noted = read_head(saved).inputs
    monkeypatch.setattr("napari_metime.project.inputs._digest_of_folder", lambda *_: pytest.fail("it was made again"))
    save_project(_project(results, image), saved, KNOWN)
    assert read_head(saved).inputs == noted


def test_a_copied_project_takes_the_file_with_the_right_checksum(with_input, tmp_path):
    saved, file = with_input
    shutil.copytree(saved.parent, tmp_path / "copy")
    file.write_text("another")
    (found,) = load_project(tmp_path / "copy" / "p", KNOWN).inputs
    assert found.path == str(tmp_path / "copy" / "data" / "cells.csv")
    assert found.is_same


def test_what_a_result_holds_of_unknown_kinds_is_told_before_anything_is_written(tmp_path):
    project = _project({"a1": Result(np.arange(3), by=replace)})
    with pytest.raises(ProjectError, match="that a project can keep"):
        save_project(project, tmp_path / "p", KNOWN)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_opens_a_project_and_tells_of_what_is_none(saved, monkeypatch, capsys, tmp_path):
    opened: list[list[Path]] = []
    monkeypatch.setattr("napari_metime.cli._open_window", lambda *, files: opened.append(files))
    assert main(["open", str(saved)]) == 0
    assert main(["open", str(saved / HEAD)]) == 0
    assert opened == [[saved], [saved / HEAD]]
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.metime").write_text("{}")
    for arguments in ([tmp_path / "empty"], [tmp_path / "other.metime"], [tmp_path / "none.metime"], [saved, saved]):
        assert main(["open", *map(str, arguments)]) == 2
        told = capsys.readouterr().err
        assert told.startswith("error: expected ")
        assert told.count("\n") == 1
    assert len(opened) == 2
