"""How fast imzML is read here and by others: the same work, measured beside each other.

    python benchmarks/reading.py [--out docs/performance.md] [--work DIR] [--peers DIR]

makes its files (some 11 GB, and as much for an index) and an environment with pyimzML, imzy and m2aia, does every
step of every reader in a process of its own (reading_peers.py), and writes the tables (reading_table.py) into the
marked part of docs/performance.md, or prints them. Needs Linux; files and environment are kept where a folder is named
for them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from files import MZ_HIGH, MZ_LOW, known_peaks, write_file
from marked import write_marked
from reading_table import GROWTH, LARGE, N_IONS, N_IONS_SLOW, OURS, PEERS, Measured, machine, tables

HERE = Path(__file__).parent
FILES = {
    "processed": ("processed", 40_000, 2000),
    "continuous": ("continuous", 40_000, 6000),
    LARGE: ("processed", 256_000, 2000),
    **{name: ("processed", n_pixels, 200) for name, n_pixels in GROWTH.items()},
}
TINY = {"tiny processed": ("processed", 100, 200), "tiny continuous": ("continuous", 100, 600)}
TOLERANCE_DA = {"processed": 0.01, "continuous": 0.25}
REPEATS = 3
INDEX_STEPS = ("build_index", "find_index", "image:indexed", "singles:indexed")


@dataclass(frozen=True)
class Job:
    """Steps that one process does one after the other, ``repeats`` times.

    Parameters
    ----------
    fresh : whether what the reader cached of the file is removed before
    warm_up : whether all steps are done on a tiny file before
    """

    reader: str
    file: str
    steps: tuple[str, ...]
    repeats: int = REPEATS
    fresh: bool = True
    warm_up: bool = True
    n_ions: int = N_IONS


def jobs() -> list[Job]:
    found = [Job(OURS, "processed", ("open:cold", "image:cold"), repeats=1, warm_up=False)]
    for file in ("processed", "continuous"):
        found += [
            Job("raw", file, ("read", "read:disk")),
            Job(OURS, file, ("open", "image", "singles", "images", "tic", "vectors", "mean")),
            Job(OURS, file, ("open", "vectors:disk", "mean:disk")),
            Job(OURS, file, ("open:again",), fresh=False),
            Job(OURS, file, ("open:again", *INDEX_STEPS), fresh=False),
            Job("pyimzML", file, ("open", "image"), repeats=2),
            Job("pyimzML", file, ("open", "singles", "vectors"), repeats=1, n_ions=N_IONS_SLOW),
            Job("imzy", file, ("open", "image"), repeats=2),
            Job("imzy", file, ("open:again", "images", "tic"), fresh=False, repeats=1),
            Job("m2aia", file, ("open", "image"), repeats=2),
            Job("m2aia", file, ("open", "singles"), repeats=1, n_ions=N_IONS_SLOW),
        ]
    found.append(Job("imzy", "continuous", ("open:again", "mean"), fresh=False, repeats=1))
    for file in GROWTH:
        found += [Job(reader, file, ("open", "image"), repeats=1) for reader in ("pyimzML", "imzy", "m2aia")]
        found += [
            Job(OURS, file, ("open", "image"), repeats=2),
            Job(OURS, file, ("open:again", *INDEX_STEPS), fresh=False, repeats=1),
        ]
    found.append(Job(OURS, LARGE, ("open", "image", *INDEX_STEPS), repeats=1))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="the page whose marked part is renewed; default: print")
    parser.add_argument("--work", type=resolved, help="folder for the files; they are kept and used again")
    parser.add_argument("--peers", type=resolved, help="folder of the peers' environment; it is kept and used again")
    parser.add_argument("--only", default="", help="only jobs whose 'reader file' holds this text")
    options = parser.parse_args()
    if options.work:
        options.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="reading_", dir=options.work) as scratch:
        work, peers = options.work or Path(scratch), options.peers or Path(scratch) / "peers"
        text = run_all(work, make_environment(peers), Path(scratch), options.only)
    if options.out is None:
        print(text)
        return
    write_marked(options.out, text)


def resolved(folder: str) -> Path:
    """Return the absolute path: the measurements run in another folder."""
    return Path(folder).resolve()


def run_all(work: Path, peers: Path, scratch: Path, only: str) -> str:
    measured: Measured = {}
    versions: dict[str, dict[str, str]] = {}
    load = os.getloadavg()[0]
    start = time.perf_counter()
    chosen = [job for job in jobs() if only in f"{job.reader} {job.file}"]
    for job in chosen:
        make_file(work, job.file, *FILES[job.file])
    for job in chosen:
        for _ in range(job.repeats):
            result = run(job, work, peers, scratch)
            if result is None:
                break
            versions[job.reader] = result["versions"]
            for step, values in result["steps"].items():
                values.update({key: result[key] for key in ("import_s", "import_mb", "array_bytes") if key in result})
                measured.setdefault((job.reader, job.file, step), []).append(values)
        passed = time.perf_counter() - start
        print(f"{passed:5.0f} s  {job.reader}, {job.file}: {', '.join(job.steps)}", file=sys.stderr)
    return tables(measured, {job.file: describe(work, job.file) for job in chosen}, machine(work, load, versions))


def describe(work: Path, name: str) -> str:
    kind, n_pixels, n_points = FILES[name]
    path = work / f"{name}.imzML"
    gigabytes = [file.stat().st_size / 1e9 for file in (path.with_suffix(".ibd"), path)]
    return f"{kind}, {n_pixels:,} pixels x {n_points:,} points, .ibd {gigabytes[0]:.2f} GB, XML {gigabytes[1]:.2f} GB"


def run(job: Job, work: Path, peers: Path, scratch: Path) -> dict[str, Any] | None:
    """Run one process and return what it measured, or tell why it failed."""
    path, tiny = make_file(work, job.file, *FILES[job.file]), f"tiny {FILES[job.file][0]}"
    cache, result, index = scratch / "cache" / job.file, scratch / "result.json", scratch / "index"
    if job.fresh:
        shutil.rmtree(cache, ignore_errors=True)
    request = {
        "reader": job.reader, "steps": job.steps, "path": str(path), "tiny": str(make_file(work, tiny, *TINY[tiny])),
        "fresh": job.fresh, "warm_up": job.warm_up, "folder": str(index), "result": str(result),
        "mz": windows(*FILES[job.file], n_ions=job.n_ions), "tolerance_da": TOLERANCE_DA[FILES[job.file][0]],
    }  # fmt: skip
    index.mkdir()
    os.sync()  # or what was written before would still be on its way to the disk
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    if not job.warm_up:
        environment["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(dir=scratch)
    python = sys.executable if job.reader in (OURS, "raw") else peers
    done = subprocess.run(
        [python, HERE / "reading_peers.py", json.dumps(request)],
        cwd=scratch, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    shutil.rmtree(index)
    if done.returncode:
        print(f"{job} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}", file=sys.stderr)
        return None
    return dict(json.loads(result.read_text(encoding="utf-8")))


def windows(kind: str, n_pixels: int, n_points: int, n_ions: int) -> list[float]:
    """Return the m/z of ``n_ions`` peaks; no point of the file lies at the edge of a window around one."""
    if kind == "processed":
        known = known_peaks(n_points)[:, 0]
    else:
        known = MZ_LOW + (MZ_HIGH - MZ_LOW) / (n_points - 1) * (np.arange(10, n_points - 10) + 0.3)
    # From the middle on, so that the first image is not at the beginning of every spectrum.
    chosen = known[np.linspace(0.05 * known.size, 0.95 * known.size, n_ions).astype(int)]
    return [float(mz) for mz in np.roll(chosen, n_ions // 2)]


def make_file(work: Path, name: str, kind: str, n_pixels: int, n_points: int) -> Path:
    """Return the file of this name, made if it is not there; the .imzML gets its name last."""
    path = work / f"{name}.imzML"
    if not path.exists():
        unfinished = work / "unfinished.imzML"
        write_file(unfinished, kind, n_pixels, n_points)
        unfinished.with_suffix(".ibd").replace(path.with_suffix(".ibd"))
        unfinished.replace(path)
    return path


def make_environment(folder: Path) -> Path:
    """Return the Python of an environment that has the peers."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True)
    return python


if __name__ == "__main__":
    main()
