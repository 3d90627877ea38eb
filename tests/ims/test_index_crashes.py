"""What may happen to an index while it is built: each time the real thing, in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import platformdirs
import pytest
from numpy.typing import NDArray

from napari_metime.errors import OutputError
from napari_metime.ims import index_build
from napari_metime.ims.index import build_index, find_index
from napari_metime.ims.ions import extract_ions
from napari_metime.ims.opening import open_imzml
from napari_metime.imzml_writer import write_imzml

CHECKOUT = Path(__file__).parents[2]
MZ = np.array([120.0, 150.0, 199.0])
# Small buckets and blocks: many steps, and a moment to be ended in between any two of them.
BUILD = """
import os, resource, signal, sys
from pathlib import Path
from napari_metime.errors import MetimeError
from napari_metime.ims import index_build, index_columns
from napari_metime.ims.opening import open_imzml

index_columns.MIN_BUCKET, index_columns.MAX_BUCKET, index_columns.DEALT_POINTS = 2000, 3000, 1500

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def build(**how):
    dataset = open_imzml(Path(sys.argv[1]), use_cache=False)
    try:
        index_build.build_index(dataset, **how)
    except MetimeError as error:
        sys.exit(f"{type(error).__name__}: {error}")
"""


def write(folder: Path) -> Path:
    """Write 20 pixels, 20,000 points: several buckets and blocks."""
    random = np.random.default_rng(0)
    spectra = [(np.sort(random.uniform(100, 200, 1000)), random.random(1000, np.float32)) for _ in range(20)]
    places = [(i % 5 + 1, i // 5 + 1) for i in range(20)]
    facts = {"mode": "processed", "polarity": "positive", "pixel_size_um": None, "uuid": UUID(int=1)}
    write_imzml(folder / "s.imzML", spectra, places, **facts)  # type: ignore[arg-type]
    return folder / "s.imzML"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return write(tmp_path / "data")


def run(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BUILD + code, str(path)]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=300)


def direct(path: Path) -> NDArray[np.float32]:
    return extract_ions(open_imzml(path, use_cache=False), MZ, tolerance_da=1.0).images


def from_index(path: Path, folder: Path | None = None) -> NDArray[np.float32] | None:
    """Return the images of the index, None where there is none."""
    index = find_index(open_imzml(path, use_cache=False), folder=folder)
    found = None if index is None else index.extract(MZ - 1.0, MZ + 1.0)
    return None if found is None else found[0].reshape(direct(path).shape)


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


WHOLE = {"s.imzML", "s.ibd", "s.metime-index"}
MOMENTS = {
    "while counting": "build(on_progress=lambda done, text: done > 0.05 and kill())",
    "while dealing": "build(on_progress=lambda done, text: done > 0.4 and kill())",
    "while sorting": "build(on_progress=lambda done, text: done > 0.8 and kill())",
    "before the header": "index_build.write_header = lambda *given: kill()\nbuild()",
    "before the old one goes": "index_build.os.rename = lambda *given: kill()\nbuild()",
    "between the old and the new": """
rename = os.rename
def once(old, new):
    rename(old, new)
    kill()
index_build.os.rename = once
build()
""",
}


@pytest.mark.parametrize(
    ("moment", "old", "stays"),
    [
        ("while counting", "right", True),
        ("while dealing", "none", False),
        ("while sorting", "none", False),
        ("before the header", "of other data", False),
        ("before the old one goes", "right", True),
        ("before the old one goes", "of other data", False),
        ("between the old and the new", "right", False),
    ],
)
def test_a_build_that_was_killed_does_no_harm(path: Path, moment: str, old: str, stays: bool) -> None:
    if old != "none":
        build_index(open_imzml(path, use_cache=False))
    if old == "of other data":
        data = bytearray(path.with_suffix(".ibd").read_bytes())
        data[-80:] = bytes(80)  # the last intensities
        path.with_suffix(".ibd").write_bytes(data)
        os.utime(path.with_suffix(".ibd"), ns=(1, 10**18))
    assert run(MOMENTS[moment], path).returncode == -signal.SIGKILL
    found = from_index(path)
    assert (found is not None) == stays
    if found is not None:
        np.testing.assert_array_equal(found, direct(path))
    build_index(open_imzml(path, use_cache=False))
    np.testing.assert_array_equal(from_index(path), direct(path))
    assert names(path.parent) == WHOLE


@pytest.mark.skipif(sys.platform == "win32", reason="there are no resource limits")
@pytest.mark.parametrize("n_bytes", [4096, 100_000])
def test_a_disk_that_is_full_is_told_and_left_clean(path: Path, n_bytes: int) -> None:
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({n_bytes}, {n_bytes}))\n"
    done = run(limit + "build()", path)
    assert done.returncode == 1
    assert done.stderr.startswith("OutputError: expected to write the index of s.imzML, found: File too large")
    assert names(path.parent) == {"s.imzML", "s.ibd"}


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Mount a file system of 4 MB; where this is not allowed, there is no such test."""
    folder = Path(tempfile.mkdtemp())
    mount = shutil.which("mount")
    command = [mount or "", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def test_a_disk_that_fills_up_meanwhile(path: Path, small_disk: Path) -> None:
    def fill(done: float, text: str) -> None:
        if done > 0.3 and not (small_disk / "other").exists():
            with (small_disk / "other").open("wb", buffering=0) as file:
                while True:
                    try:
                        file.write(bytes(4096))
                    except OSError:
                        break

    with pytest.raises(OutputError, match="No space left on device; free some space or name another folder for it"):
        build_index(open_imzml(path, use_cache=False), folder=small_disk, on_progress=fill)
    assert names(small_disk) == {"other"}


def test_too_little_space_is_told_before_anything_is_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_build.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, 10**5))
    with pytest.raises(OutputError, match=r"expected 0\.\d MB of free space in .*data for the index, found 0\.1 MB"):
        build_index(open_imzml(path, use_cache=False))
    assert names(path.parent) == {"s.imzML", "s.ibd"}


def test_two_processes_that_build_at_once_are_both_right(path: Path) -> None:
    code = """
import time
ready, other = (Path(sys.argv[1]).with_name(name) for name in sys.argv[2:4])
rename = os.rename
def meet(old, new):
    ready.touch()
    while not other.exists():
        time.sleep(0.001)
    rename(old, new)
index_build.os.rename = meet
build()
"""
    twins = (("one", "two"), ("two", "one"))
    commands = [[sys.executable, "-c", BUILD + code, str(path), *twin] for twin in twins]
    running = [subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE) for command in commands]
    told = [process.communicate(timeout=300)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    for mark in ("one", "two"):
        path.with_name(mark).unlink()
    np.testing.assert_array_equal(from_index(path), direct(path))
    assert names(path.parent) == WHOLE


def test_a_reader_is_right_while_others_build(path: Path) -> None:
    dataset = open_imzml(path, use_cache=False)
    expected, stop = direct(path), threading.Event()

    def rebuild() -> None:
        while not stop.is_set():
            build_index(dataset)

    builder = threading.Thread(target=rebuild)
    builder.start()
    n_found = 0
    try:
        while n_found < 50:
            index = find_index(dataset)
            found = None if index is None else index.extract(MZ - 1.0, MZ + 1.0)
            if found is not None:
                np.testing.assert_array_equal(found[0].reshape(expected.shape), expected)
                n_found += 1
            time.sleep(0.001)
    finally:
        stop.set()
        builder.join()


@pytest.fixture
def ordinary_user(tmp_path: Path) -> Path:
    """Give a folder of a user whom file permissions stop."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        pytest.skip("file permissions do not stop root; run this test as an ordinary user")
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be closed this way")
def test_a_folder_that_is_read_only_has_its_index_in_the_cache(
    ordinary_user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, data = ordinary_user / "cache", ordinary_user / "data"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: cache / name)
    data.mkdir()
    path = write(data)
    data.chmod(0o555)
    dataset = open_imzml(path, use_cache=False)
    folder = build_index(dataset)
    assert folder.is_relative_to(cache / "napari-metime" / "indexes")
    np.testing.assert_array_equal(from_index(path), direct(path))
    assert names(data) == {"s.imzML", "s.ibd"}
    with pytest.raises(OutputError, match=r"expected to write the index of s\.imzML, found: Permission denied"):
        build_index(dataset, folder=data)
    cache.chmod(0o555)
    (cache / "napari-metime" / "indexes").chmod(0o555)
    with pytest.raises(OutputError, match="found: Permission denied"):
        build_index(dataset)
    for folder in (data, cache, cache / "napari-metime" / "indexes"):
        folder.chmod(0o777)


def test_only_what_dead_builds_left_is_removed(path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host, mine = index_build._host(), os.getpid()
    kept = {
        f"s.metime-index.building-{host}-{mine}-1": True,  # of a process that lives
        f"s.metime-index.building-{host}-{dead.pid}-1": False,
        "s.metime-index.building-elsewhere-1-1": True,  # of another machine, young
        "s.metime-index.building-longago-1-1": False,
        f"t.metime-index.building-{host}-{dead.pid}-1": True,  # of another file
    }
    for name in kept:
        (path.parent / name).mkdir()
        (path.parent / name / "mz").write_bytes(b"0")
    old = path.parent / "s.metime-index.building-longago-1-1"
    for entry in (old, old / "mz"):
        os.utime(entry, (1, 1))
    build_index(open_imzml(path, use_cache=False))
    assert names(path.parent) == WHOLE | {name for name, stays in kept.items() if stays}
