"""How long a million cells take: read from tables and shapes, counted on pixels, measured on channels.

    python benchmarks/cells.py [--out docs/cells.md] [--work DIR] [--cells 1000000]

makes its files (some 1.5 GB), does each work in a process of its own that did it once on a small file before (so that
compiling is not measured), and writes the table into the marked part of docs/cells.md, or prints it. Needs Linux; the
files are kept where a folder is named for them.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from marked import write_marked

from napari_metime.cells import cells_on_grid, channels_at_cells, read_cells_file
from napari_metime.section import CellTable, Grid, Outlines

TYPES = np.array(["Tumor", "Tumor: CD8", "CD8", "Treg", "Stroma", ""])
SMALL = 2000
FIELD_UM = 20_000.0
RADIUS_UM = 5.0
N_CORNERS = 16
N_CHANNELS = 10
GOAL_S = 10
REPEATS = 3


def write_table(path: Path, n_cells: int, n_measurements: int, *, quoted: bool = False) -> None:
    """Write detections as QuPath does; the measurements repeat after 1,000 rows."""
    rng = np.random.default_rng(4)
    quote = '"' if quoted else ""
    header = ["Object ID", "Object type", "Classification", "Centroid X µm", "Centroid Y µm", "Cell: Area µm^2"]
    header += [f"Cell: Marker {i}: Mean" for i in range(n_measurements)]
    rows = rng.gamma(2.0, 50.0, (1000, n_measurements))
    measured = ["".join(f",{value:.4f}" for value in row) for row in rows]
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(f"{quote}{name}{quote}" for name in header) + "\n")
        types, places = rng.integers(0, TYPES.size, n_cells), rng.uniform(0, FIELD_UM, (n_cells, 2))
        for i, (kind, (x, y)) in enumerate(zip(TYPES[types].tolist(), places.tolist(), strict=True)):
            text = f"{quote}{i:08x}-0000-4000-8000-{i:012x}{quote},{quote}Cell{quote},{quote}{kind}{quote}"
            file.write(f"{text},{x:.3f},{y:.3f},78.54{measured[i % 1000]}\n")


def write_geojson(path: Path, n_cells: int) -> None:
    """Write cells as QuPath does: polygons of 16 corners with a class."""
    rng = np.random.default_rng(4)
    angles = 2 * np.pi * np.arange(N_CORNERS + 1) / N_CORNERS
    ring = RADIUS_UM * np.column_stack([np.cos(angles), np.sin(angles)])
    ring[-1] = ring[0]
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for i, (kind, place) in enumerate(
            zip(rng.integers(0, TYPES.size - 1, n_cells), rng.uniform(0, FIELD_UM, (n_cells, 2)), strict=True)
        ):
            corners = ", ".join(f"[{x:.2f}, {y:.2f}]" for x, y in (ring + place).tolist())
            file.write(
                f'{", " if i else ""}{{"type": "Feature", "id": "{i:08x}", "geometry": {{"type": "Polygon", '
                f'"coordinates": [[{corners}]]}}, "properties": {{"objectType": "cell", '
                f'"classification": {{"name": "{TYPES[kind]}", "color": [0, 0, 255]}}}}}}'
            )
        file.write("]}\n")


FILES: dict[str, tuple[str, Callable[[Path, int], None]]] = {
    "plain": ("table of 6 columns", lambda path, n: write_table(path, n, 0)),
    "wide": ("table of 60 columns", lambda path, n: write_table(path, n, 54)),
    "quoted": ("table of 60 columns, texts quoted", lambda path, n: write_table(path, n, 54, quoted=True)),
    "geojson": (f"GeoJSON, polygons of {N_CORNERS} corners", write_geojson),
}
WORKS = {
    "discs": "count discs on 1,000 x 1,000 pixels of 20 µm",
    "discs small": "count discs on 4,000 x 4,000 pixels of 5 µm",
    "outlines": f"count outlines of {N_CORNERS} corners on 1,000 x 1,000 pixels of 20 µm",
    "outlines small": f"count outlines of {N_CORNERS} corners on 4,000 x 4,000 pixels of 5 µm",
    "channels": f"{N_CHANNELS} channels at the outlines, pixels of 20 µm",
}


def read(path: Path) -> CellTable:
    return read_cells_file(path, x=None, y=None, type_column=None, unit=None, roles={"effector": ("CD8",)})


def simulated(n_cells: int, *, with_outlines: bool) -> CellTable:
    rng = np.random.default_rng(4)
    xy = rng.uniform(0, FIELD_UM, (n_cells, 2))
    angles = 2 * np.pi * np.arange(N_CORNERS) / N_CORNERS
    ring = RADIUS_UM * np.column_stack([np.cos(angles), np.sin(angles)])
    outlines = Outlines((xy[:, None] + ring).reshape(-1, 2), np.arange(n_cells + 1, dtype=np.int64) * N_CORNERS)
    return CellTable(
        cell_id=np.arange(n_cells).astype(str).astype(object),
        x=xy[:, 0],
        y=xy[:, 1],
        type=TYPES[rng.integers(0, 5, n_cells)].astype(object),
        role=np.full(n_cells, "tumor", dtype=object),
        unit="um",
        area=np.full(n_cells, np.pi * RADIUS_UM**2),
        outlines=outlines if with_outlines else None,
    )


def measure(name: str, path: Path, n_cells: int) -> dict[str, float]:
    """Do one work on ``n_cells`` and return its seconds and the peak memory; called in a process of its own."""
    if name in FILES:
        small = path.with_name(f"small {path.name}")
        FILES[name][1](small, SMALL)
        read(small)
        small.unlink()
        work: Callable[[], Any] = lambda: read(path)  # noqa: E731
    else:
        n_pixels, pixel_um = (4000, 5.0) if name.endswith("small") else (1000, 20.0)
        grid = Grid((n_pixels, n_pixels), (0, 0), (pixel_um, pixel_um))
        cells, few = (simulated(n, with_outlines=not name.startswith("discs")) for n in (n_cells, SMALL))
        if name == "channels":
            images = np.random.default_rng(1).random((N_CHANNELS, *grid.shape), dtype=np.float32)
            channels_at_cells(few, images, grid)
            work = lambda: channels_at_cells(cells, images, grid)  # noqa: E731
        else:
            cells_on_grid(few, grid)
            work = lambda: cells_on_grid(cells, grid)  # noqa: E731
    before = peak_mb()
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "before_mb": before, "peak_mb": peak_mb()}


def peak_mb() -> float:
    """Most memory that this process had; getrusage would also count that of the one it was started from."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def table(work: Path, n_cells: int) -> str:
    lines = ["| work | file | seconds | process before | at its peak |", "|---|---|---|---|---|"]
    for name, told in {**{name: f"read a {told}" for name, (told, _) in FILES.items()}, **WORKS}.items():
        path = work / f"{name}.{'geojson' if name == 'geojson' else 'csv'}"
        if name in FILES and not path.exists():
            FILES[name][1](path, n_cells)
        found = [_in_fresh_process(name, path, n_cells) for _ in range(REPEATS)]
        seconds = sorted(values["seconds"] for values in found)
        size = f"{path.stat().st_size / 1e6:,.0f} MB" if name in FILES else ""
        before, peak = (max(values[key] for values in found) for key in ("before_mb", "peak_mb"))
        spread = f"{seconds[REPEATS // 2]:.1f} ({seconds[0]:.1f} to {seconds[-1]:.1f})"
        lines.append(f"| {told} | {size} | {spread} | {before:,.0f} MB | {peak:,.0f} MB |")
        print(lines[-1], flush=True)
    return "\n".join(lines) + (
        f"\n\n{n_cells:,} cells; median of {REPEATS} processes (fastest to slowest), import and compiling not counted; "
        f"Python {platform.python_version()}, {platform.machine()}, {cpu()}.\n"
    )


def _in_fresh_process(name: str, path: Path, n_cells: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", name, "--work", str(path), "--cells", str(n_cells)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def cpu() -> str:
    """Name the processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} x {models[0] if models else 'unknown'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--cells", type=int, default=1_000_000)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.work, given.cells)))
        return
    with tempfile.TemporaryDirectory() as made:
        found = table(given.work or Path(made), given.cells)
    if given.out is None:
        print(found)
        return
    write_marked(given.out, found)


if __name__ == "__main__":
    main()
