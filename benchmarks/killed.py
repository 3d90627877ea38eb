"""Kill -9 in the middle of everything that writes, and start again: is anything half-written, does it still work?

    python benchmarks/killed.py [--times 10] [--only NAME]

simulates a section, measures how long each work takes, then starts it in a process of its own, kills that at a random
moment, and does the same work again in the same folders. Told are how often the results were there, whole, at the kill;
how often something else stood in their place then, how often the second run failed, and how often it gave other bytes
than a run that nobody killed (all three to be 0); and how many scratch folders were left lying. POSIX only.
The window is killed by killed_window.py.
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
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_metime.simulate import SectionPlan, simulate_section

SAMPLE = "from napari_metime.sample import sample_recipe; sample_recipe()"


@dataclass(frozen=True)
class Work:
    """Something that writes.

    Parameters
    ----------
    command : arguments of Python
    results : what counts as its results, by patterns below its folder
    """

    name: str
    command: tuple[str, ...]
    results: tuple[str, ...]


# The header of an index names the moment its file was written at, which is another one in each folder.
CLI = ("-m", "napari_metime")
WORKS = (
    Work("run, into a new folder", (*CLI, "run", "section/recipe.yaml", "--out", "out"), ("out/*.csv",)),
    Work("run, over former results", (*CLI, "run", "section/recipe.yaml", "--out", "out"), ("out/*.csv",)),
    Work("index", (*CLI, "index", "section/section.imzML"), ("section/*.metime-index/[!h]*",)),
    Work("open (its cache)", (*CLI, "info", "section/section.imzML"), ()),
    Work("save as imzML", (*CLI, "save", "section/section.imzML", "-o", "part.imzML"), ("part.*",)),
    Work("the sample into the cache", ("-c", SAMPLE), ("cache/napari-metime/section-*/*",)),
)


@dataclass
class Found:
    """What ten kills of one work left."""

    seconds: float
    killed: int = 0
    whole: int = 0
    half: int = 0
    failed: int = 0
    different: int = 0
    left: int = 0


def main() -> None:
    """Kill, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(prefix="killed_") as scratch:
        section = Path(scratch) / "section"
        plan = SectionPlan(width_um=1500, height_um=1300, pixel_size_um=30, n_niches=1, niche_radius_um=260)
        recipe = simulate_section(section, plan)
        recipe.write_text(recipe.read_text() + "niches: {n_permutations: 99}\n")
        head = (
            "| work | takes (s) | killed | then whole | then half | second run failed | other bytes | left lying |",
            "|---|---|---|---|---|---|---|---|",
        )
        print(*head, sep="\n", flush=True)
        for work in WORKS:
            if options.only in work.name:
                found = kill_often(work, section, Path(scratch), rng.uniform(0.15, 1.0, options.times))
                numbers = (found.killed, found.whole, found.half, found.failed, found.different, found.left)
                print(f"| {work.name} | {found.seconds:.1f} | " + " | ".join(map(str, numbers)) + " |", flush=True)


def kill_often(work: Work, section: Path, scratch: Path, shares: np.ndarray) -> Found:
    """Kill a work at some shares of its time, each in a folder of its own."""
    folder = fresh(scratch, section)
    begin_s = time.monotonic()
    start(work, folder).wait()
    found = Found(time.monotonic() - begin_s)
    wanted = digests(work, folder)
    known = names(folder)
    for share in shares:
        folder = fresh(scratch, section)
        if "former" in work.name:
            start(work, folder).wait()
        process = start(work, folder)
        time.sleep(share * found.seconds)
        if process.poll() is not None:
            continue
        process.kill()
        process.wait()
        found.killed += 1
        there = digests(work, folder)
        found.whole += bool(there) and there == wanted
        found.half += bool(there) and there != wanted
        again = start(work, folder)
        found.failed += again.wait() != 0
        found.different += digests(work, folder) != wanted
        found.left += len(names(folder) - known)
    return found


def fresh(scratch: Path, section: Path) -> Path:
    """Return a folder with a copy of the section and nothing else."""
    folder = scratch / "work"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copytree(section, folder / "section")
    return folder


def start(work: Work, folder: Path) -> subprocess.Popen[bytes]:
    """Start a work in a folder, with a cache of its own in it."""
    surroundings = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "QT_QPA_PLATFORM": "offscreen"}
    with (folder / "told.txt").open("wb") as told:
        return subprocess.Popen(
            [sys.executable, *work.command], cwd=folder, env=surroundings, stdout=subprocess.DEVNULL, stderr=told
        )


def digests(work: Work, folder: Path) -> dict[str, str]:
    """Return the checksums of the results."""
    files = sorted({path for pattern in work.results for path in folder.glob(pattern) if path.is_file()})
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def names(folder: Path) -> set[str]:
    """Return what lies in a folder and its sub-folders, but for what the section and a cache hold by themselves."""
    return {str(path.relative_to(folder)) for path in folder.rglob(".metime*") if path.is_dir()}


if __name__ == "__main__":
    main()
