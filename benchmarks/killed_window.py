"""Kill -9 the real window in the middle of each step and of each save, and start it again.

    bash .ci/virtual_screen.sh python benchmarks/killed_window.py [--times 10] [--only NAME]

simulates a section, goes through all steps in a window once and keeps what lay on the disk before each. Then, for each
step, a window of its own opens the work as a person does who goes on after a crash, starts the step, and is killed at a
random moment between the click and the end of the autosave after it; the next window starts on what that one left. Told
are how often the work on the disk was that from before the step, or further, and how often something of it could not be
read (to be 0); how often the results folder was neither the former nor the new one, whole (to be 0); and how often a
window, started on what was left, could not open it or, the last one, not do the step (to be 0). Linux only: a screen
without a person is needed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_metime.errors import MetimeError
from napari_metime.gui.projects.keeping import KINDS
from napari_metime.gui.state.chain import STEPS
from napari_metime.project import HEAD, load_project, read_head
from napari_metime.simulate import SectionPlan, simulate_section

AGAIN = "export over former results"
SAVE, SAVE_OVER = "save as a project", "save over a project"
WORKS = (*STEPS, AGAIN, SAVE, SAVE_OVER)
RESULTS = "simulated-0_results"
LIMIT_S = 300


@dataclass
class Found:
    """What the kills of one work left."""

    seconds: float = 0.0
    killed: int = 0
    old: int = 0
    new: int = 0
    broken: int = 0
    half: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Place:
    """The folders of one benchmark: what all windows work on stays in one place, as projects name it."""

    root: Path

    @property
    def recipe(self) -> Path:
        """The section."""
        return self.root / "section" / "recipe.yaml"

    @property
    def kept(self) -> tuple[Path, ...]:
        """What a kill may leave half-written: the cache with the autosave, the results, a project."""
        return self.root / "cache", self.root / "section" / RESULTS, self.root / "project"

    def save_as(self, name: str) -> None:
        """Keep what lies on the disk."""
        for folder in self.kept:
            if folder.exists():
                shutil.copytree(folder, self.root / "before" / name / folder.name)

    def restore(self, name: str) -> None:
        """Put back what lay on the disk."""
        for folder in self.kept:
            shutil.rmtree(folder, ignore_errors=True)
            if (before := self.root / "before" / name / folder.name).exists():
                shutil.copytree(before, folder)


def main() -> None:
    """Kill, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--only", default="")
    parser.add_argument("--window", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.window is not None:
        drive(options.window[0], Place(Path(options.window[1])))
        return
    rng = np.random.default_rng(0)
    head = (
        "| in the window | takes (s) | killed | then as before | further | not to be read | results half | stuck |",
        "|---|---|---|---|---|---|---|---|",
    )
    print(*head, sep="\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="killed_") as scratch:
        place = Place(Path(scratch))
        plan = SectionPlan(width_um=1500, height_um=1300, pixel_size_um=30, n_niches=1, niche_radius_um=260)
        assert simulate_section(place.recipe.parent, plan) == place.recipe
        place.recipe.write_text(place.recipe.read_text() + "niches: {n_permutations: 99}\n")
        with window("prepare", place) as process:
            assert process.wait(LIMIT_S) == 0
        assert place.kept[1].is_dir()
        for work in WORKS:
            if options.only in work:
                found = kill_often(work, place, rng.uniform(0.0, 1.0, options.times))
                numbers = (found.killed, found.old, found.new, found.broken, found.half, found.failed)
                print(f"| {work} | {found.seconds:.1f} | " + " | ".join(map(str, numbers)) + " |", flush=True)


def kill_often(work: str, place: Place, shares: np.ndarray) -> Found:
    """Kill a work at some shares of its time; each window starts on what the last one left, until the work is done."""
    place.restore(work)
    former = state_of(place)
    found = Found(seconds=whole_s(work, place))
    after = now = state_of(place)
    for share in shares:
        if now != former:
            place.restore(work)
        with window(work, place) as process:
            if not has_begun(process):
                found.failed += 1
                now = after
                continue
            time.sleep(share * found.seconds)
            process.kill()
        found.killed += 1
        now = state_of(place)
        is_read = now.work <= former.work | after.work and bool(now.work or not former.work)
        found.broken += not is_read
        found.old += now.work == former.work
        found.new += is_read and now.work != former.work
        found.half += now.results not in (former.results, after.results)
    with window(work, place) as process:
        found.failed += process.wait(LIMIT_S) != 0
    return found


def whole_s(work: str, place: Place) -> float:
    """Return how long a work takes from its click until it is kept."""
    with window(work, place) as process:
        assert has_begun(process)
        begin_s = time.monotonic()
        line = process.stdout.readline() if process.stdout is not None else ""
        seconds = time.monotonic() - begin_s
        assert line.strip() == "ended", line
        assert process.wait(LIMIT_S) == 0
    return seconds


@dataclass(frozen=True)
class OnDisk:
    """What lies on the disk.

    Parameters
    ----------
    work : the steps of the project and of the unsaved work, all of which was read; what cannot be read says so
    results : checksums of the tables of the results folder
    """

    work: frozenset[str]
    results: tuple[str, ...]


def state_of(place: Place) -> OnDisk:
    """Read all that was kept."""
    cache, results, project = place.kept
    heads = [*sorted((cache / "napari-metime" / "unfinished").glob(f"*/{HEAD}")), *project.glob(HEAD)]
    tables = sorted(results.rglob("*.csv"))
    arrays = sorted((cache / "napari-metime" / "datasets").glob("*.arrays"))
    is_half = [f"half-written {path.name}" for path in arrays if not is_whole(path)]
    return OnDisk(
        frozenset((*(steps_of(head) for head in heads), *is_half)),
        tuple(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in tables),
    )


def steps_of(head: Path) -> str:
    """Return what is done in a project whose results can all be read."""
    try:
        load_project(head.parent, KINDS)
        return f"{head.parent.parent.name}: {', '.join(read_head(head.parent).steps)}"
    except MetimeError as error:
        return f"not to be read: {error}"


def is_whole(path: Path) -> bool:
    """Whether a file of the cache bears the checksum of what is in it: 16 bytes of magic, 16 of digest, then that."""
    content = path.read_bytes()
    return content[16:32] == hashlib.blake2b(content[32:], digest_size=16).digest()


@contextmanager
def window(work: str, place: Place) -> Iterator[subprocess.Popen[str]]:
    """Start a window in a process of its own, with a cache of its own."""
    surroundings = {**os.environ, "XDG_CACHE_HOME": str(place.root / "cache")}
    command = [sys.executable, __file__, "--window", work, str(place.root)]
    with (place.root / "told.txt").open("w") as told:
        process = subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, stderr=told, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
    if process.returncode not in (0, -9):
        print(f"{work}: {(place.root / 'told.txt').read_text()[-2000:]}", flush=True)


def has_begun(process: subprocess.Popen[str]) -> bool:
    """Wait until a window has opened what there was and is about to start its work; False where it could not."""
    return process.stdout is not None and process.stdout.readline().strip() == "begun"


def drive(work: str, place: Place) -> None:
    """Be that window: open what was kept, as a person does after a crash, then do the work."""
    from window_clock import rest, run_until

    from napari_metime.gui.app import open_window
    from napari_metime.gui.dock import StepperDock
    from napari_metime.gui.projects.autosave import latest_autosave

    viewer = open_window([], block=False)
    (dock,) = (widget for widget in viewer.window.dock_widgets.values() if isinstance(widget, StepperDock))
    bench, session = dock.bench, dock.session

    project = place.kept[2]

    def is_kept() -> bool:
        keeping = bench.projects
        return session.running is None and not keeping._due.isActive() and not keeping._runner.is_working

    def do(step: str) -> None:
        if step == "data":
            dock.take_file(place.recipe)
        elif step in (SAVE, SAVE_OVER):
            bench.save_project(project)
        else:
            bench.run("export" if step == AGAIN else step)
        run_until(is_kept, LIMIT_S)
        assert not any(session.error(each) for each in STEPS), step

    rest(0.5)
    if work == "prepare":
        for each in WORKS:
            place.save_as(each)
            do(each)
        viewer.close()
        return
    kept = latest_autosave()
    if kept is not None:
        bench.open_project(kept.path)
    elif (project / HEAD).is_file():
        bench.open_project(project)
    run_until(is_kept, LIMIT_S)
    before = STEPS[: STEPS.index(work)] if work in STEPS else STEPS[:-1]
    assert all(session.is_current(step) for step in before)
    print("begun", flush=True)
    do(work)
    print("ended", flush=True)
    viewer.close()


if __name__ == "__main__":
    main()
