"""`napari-metime info`: what an imzML holds and what is wrong with it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_metime.terminal import progress_bar

if TYPE_CHECKING:
    from napari_metime.section import Dataset, Progress

Add = Callable[[str, Callable[[argparse.Namespace], None]], argparse.ArgumentParser]
Open = Callable[[argparse.Namespace, "Progress"], "Dataset"]


def add_info(add: Add, open_file: Open) -> None:
    """Add the command; ``open_file`` opens the imzML that its options name."""

    def command(options: argparse.Namespace) -> None:
        """Print what an imzML holds and what is wrong with it."""
        _info(options, open_file)

    add("info", command).add_argument("--json", action="store_true", help="print JSON, every number in full")


def _info(options: argparse.Namespace, open_file: Open) -> None:
    from napari_metime.ims import check_checksum

    with progress_bar() as on_progress:
        dataset = open_file(options, lambda d, t: on_progress(d / 2, t))
        told = check_checksum(dataset, on_progress=lambda d, t: on_progress(0.5 + d / 2, t))
    facts = _facts(replace(dataset, warnings=(*dataset.warnings, told) if told else dataset.warnings))
    if options.json:
        print(json.dumps(facts, indent=2, allow_nan=False))
        return
    for name, value in facts.items():
        if name in ("parts", "warnings"):
            print(f"{name}: {len(value) or 'none'}")
            for item in value:
                print(f"  - {item if isinstance(item, str) else json.dumps(item)}")
        else:
            print(f"{name}: {_written(name, value)}")


def _written(name: str, value: Any) -> str:
    """Write a fact for a reader; JSON has it in full."""
    if value is None:
        return "unknown"
    if name == "mz_range":
        return "{:.4f} to {:.4f}".format(*value)
    if name == "pixel_size_um":
        return "{:.6g} x {:.6g} (y, x)".format(*value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _facts(dataset: Dataset) -> dict[str, Any]:
    from napari_metime.ims import grid_parts

    grid = dataset.grid
    parts = [
        {"name": part.name, "bounding_box": list(part.box), "n_pixels": part.n_pixels}
        for part in grid_parts(dataset.measured)
    ]
    return {
        "path": str(dataset.path),
        "mode": dataset.mode,
        "spectrum_type": dataset.spectrum_type,
        "polarity": dataset.polarity,
        "n_pixels": int(dataset.measured.sum()),
        "shape": list(grid.shape),
        "origin": list(grid.origin),
        "pixel_size_um": None if grid.pixel_size_um is None else list(grid.pixel_size_um),
        "mz_range": list(dataset.mz_range),
        "n_points": dataset.n_points,
        "uuid": dataset.uuid,
        "parts": parts,
        "warnings": list(dataset.warnings),
    }
