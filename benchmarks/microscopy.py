"""How much memory and time a large microscopy image takes: each step in a fresh process.

    python benchmarks/microscopy.py [--out docs/microscopy.md] [--work DIR]

makes images of 20,000 x 20,000 pixels (some 3 GB; kept where a folder is named for them), and writes the table into
the marked part of docs/microscopy.md, or prints it. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
import zarr
from marked import write_marked

from napari_metime.microscopy import channel_on_grid, footprint_on_grid, open_microscopy
from napari_metime.section import Alignment, Grid

SIDE, TILE, SMALL = 20_000, 512, 2048
GRID = Grid((500, 500), (0, 0), (20.0, 20.0))
TURN = np.deg2rad(7.0)
C, S = 0.5 * np.cos(TURN), 0.5 * np.sin(TURN)
ALIGNMENT = Alignment(np.array([[C, -S, 600.0], [S, C, -600.0], [0, 0, 1]]), "matrix")
"""0.5 µm a pixel, turned by 7 degrees about the middle of the section, more or less."""
NAMES = {
    "pyramid": "OME-TIFF, uint8, tiles, zlib, 6 levels",
    "flat": "TIFF, uint8, tiles, zlib, no smaller levels",
    "jpeg": "TIFF, RGB, tiles, JPEG, no smaller levels",
    "strip": "TIFF, uint16, not compressed, one strip",
    "zarr": "OME-Zarr 0.5, uint16, 6 levels",
}
STEPS = {
    "show": "whole image, as shown first",
    "look": "a view of 1,200 x 1,200 pixels of each level",
    "grid": "a channel onto 500 x 500 pixels",
    "footprint": "its footprint",
}


def tiles(side: int, dtype: str, n_samples: int = 1) -> Iterator[np.ndarray]:
    """Yield tiles of noise on a slope, row by row."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 64, (TILE, TILE, n_samples)).astype(dtype)
    n = -(-side // TILE)
    for row in range(n):
        for col in range(n):
            tile = noise + np.array(128 * (row + col) // (2 * n), dtype=dtype)
            yield tile if n_samples > 1 else tile[:, :, 0]


def write(name: str, path: Path, side: int) -> None:
    """Write one of the images."""
    tiled = {"tile": (TILE, TILE), "compression": "zlib", "compressionargs": {"level": 1}}
    if name == "pyramid":
        with tifffile.TiffWriter(path, ome=True, bigtiff=True) as file:
            size = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
            file.write(
                tiles(side, "uint8"),
                shape=(side, side),
                dtype="uint8",
                subifds=5,
                metadata={"axes": "YX", **size},
                **tiled,
            )
            for level in range(1, 6):
                small = side >> level
                file.write(tiles(small, "uint8"), shape=(small, small), dtype="uint8", subfiletype=1, **tiled)
    elif name == "flat":
        tifffile.imwrite(path, tiles(side, "uint8"), shape=(side, side), dtype="uint8", metadata=None, **tiled)
    elif name == "jpeg":
        tifffile.imwrite(
            path,
            tiles(side, "uint8", 3),
            shape=(side, side, 3),
            dtype="uint8",
            photometric="rgb",
            compression="jpeg",
            tile=(TILE, TILE),
            metadata=None,
        )
    elif name == "strip":
        rows = np.tile(np.arange(side, dtype="uint16"), (16, 1))
        with tifffile.TiffWriter(path, bigtiff=True) as file:
            file.write(
                (rows for _ in range(side // 16)), shape=(side, side), dtype="uint16", metadata=None, rowsperstrip=side
            )
    else:
        write_zarr(path, side)


def write_zarr(path: Path, side: int) -> None:
    """Write an OME-Zarr 0.5 with six levels."""
    group = zarr.create_group(path, zarr_format=3)
    axes = [{"name": "c", "type": "channel"}, *({"name": n, "type": "space", "unit": "micrometer"} for n in "yx")]
    datasets = []
    for level in range(6):
        small, scale = side >> level, 0.5 * 2**level
        array = group.create_array(str(level), shape=(1, small, small), chunks=(1, 1024, 1024), dtype="uint16")
        row = np.tile(np.arange(small, dtype="uint16"), (1024, 1))
        for top in range(0, small, 1024):
            array[0, top : top + 1024] = row[: min(1024, small - top)]
        transform = {"type": "scale", "scale": [1.0, scale, scale]}
        datasets.append({"path": str(level), "coordinateTransformations": [transform]})
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}


def do(step: str, path: Path) -> str:
    """Do one step and return what came of it."""
    image = open_microscopy(path, pixel_size_um=0.5)
    if step == "show":
        shown = np.asarray(image.levels[-1].as_rgb() if image.is_rgb else image.levels[-1].plane(0))
        return f"{shown.shape[0]} x {shown.shape[1]}"
    if step == "look":
        for level in image.levels:
            _, height, width = level.shape
            top, left = max(0, height // 2 - 600), max(0, width // 2 - 600)
            level[:, top : top + 1200, left : left + 1200]
        return f"{len(image.levels)} levels"
    if step == "footprint":
        share = footprint_on_grid(image, ALIGNMENT, GRID, units=(1.0, 1.0))
        return f"{share.sum():,.1f} pixels covered"
    return channel_on_grid(image, 0, ALIGNMENT, GRID, units=(1.0, 1.0)).note


def memory_kb(field: str) -> int:
    """Return a line of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def measure(step: str, path: Path, small: Path) -> None:
    """Do a step on a small image, so that all is loaded and compiled, then on the large one; print what it took."""
    do(step, small)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, begin, cpu_begin = memory_kb("VmRSS:"), time.perf_counter(), time.process_time()
    result = do(step, path)
    seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - cpu_begin
    print(json.dumps([seconds, cpu_seconds, (memory_kb("VmHWM:") - before) / 1000, result]))


def table(work: Path) -> str:
    """Measure all and return the table."""
    lines = ["| image | step | time | of the processors | grown | result |", "| --- | --- | --- | --- | --- | --- |"]
    for name, words in NAMES.items():
        ending = "zarr" if name == "zarr" else "tif"
        large, small = work / f"{name}.{ending}", work / f"{name}_small.{ending}"
        for path, side in ((large, SIDE), (small, SMALL)):
            if not path.exists():
                write(name, path, side)
        for step, step_words in STEPS.items():
            command = [sys.executable, __file__, "--step", step, "--image", str(large), "--small", str(small)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds, cpu_seconds, grown_mb, result = json.loads(done.stdout)
            lines.append(
                f"| {words} | {step_words} | {seconds:.2f} s | {cpu_seconds:.2f} s | {grown_mb:.0f} MB | {result} |"
            )
            print(lines[-1], file=sys.stderr)
    load = f"{os.cpu_count()} processors; load when it ended: {os.getloadavg()[1]:.1f} processes"
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, tifffile {tifffile.__version__}"
    return "\n".join(lines) + f"\n\n{load}. {versions}, zarr {zarr.__version__}.\n"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--image", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--small", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        measure(asked.step, asked.image, asked.small)
        return
    with tempfile.TemporaryDirectory() as scratch:
        if asked.work:
            asked.work.mkdir(parents=True, exist_ok=True)
        found = table(asked.work or Path(scratch))
    if not asked.out:
        print(found)
        return
    write_marked(asked.out, found)


if __name__ == "__main__":
    main()
