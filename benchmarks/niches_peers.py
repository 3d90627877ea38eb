"""What esda and squidpy take for a permutation test of cells, in a process of its own.

    python benchmarks/niches_peers.py '{"task": "gi", "cells": FILE.npz, "permutations": 999, "calls": 2}'

is called by niches.py with the Python of an environment that holds esda, libpysal and squidpy (Python 3.12 or later).
The file holds x, y (µm), role (0 to 2), and effectors, shape (rows, cols), counted on pixels of pixel_um. Prints JSON:
the seconds of the first and of the next calls, the most memory of the process and its workers, the versions.
"""

from __future__ import annotations

import json
import platform
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROLES = ("tumor", "effector", "other")
N_NEIGHBOURS = 6  # squidpy's own default


def gi_star(request: dict[str, Any], cells: Any) -> tuple[Callable[[], object], str]:
    """Gi* of the effectors in each pixel: binary weights, the pixel among its own neighbours, lower tail."""
    from esda import G_Local
    from libpysal.weights import WSP, lat2W
    from scipy import sparse

    effectors = cells["effectors"]
    rows, cols = effectors.shape
    if request["radius_um"]:
        steps = int(request["radius_um"] / float(cells["pixel_um"]))
        dy, dx = np.mgrid[-steps : steps + 1, -steps : steps + 1]
        disc = (np.hypot(dy, dx) * float(cells["pixel_um"]) <= request["radius_um"]) & ((dy != 0) | (dx != 0))
        site = np.arange(rows * cols).reshape(rows, cols)
        pairs = []
        for y, x in zip(dy[disc], dx[disc], strict=True):
            here = site[max(-y, 0) : rows - max(y, 0), max(-x, 0) : cols - max(x, 0)].ravel()
            pairs.append(np.stack([here, here + y * cols + x]))
        i, j = np.concatenate(pairs, axis=1)
        w = WSP(sparse.csr_array((np.ones(i.size), (i, j)), shape=(rows * cols,) * 2)).to_W(silence_warnings=True)
    else:
        w = lat2W(rows, cols, rook=False)
    w.transform = "B"
    w.cardinalities  # noqa: B018  - cached by libpysal: part of the weights, not of the test
    y = effectors.ravel().astype(np.float64)

    def call() -> object:
        return G_Local(
            y, w, transform="B", star=True, permutations=request["permutations"], alternative="lesser", seed=1
        )

    return call, f"{w.mean_neighbors:.0f} neighbours"


def enrichment(request: dict[str, Any], cells: Any) -> tuple[Callable[[], object], str]:
    """Neighbourhood enrichment of three roles over the graph of the six nearest cells; the graph is made before."""
    import anndata
    import pandas as pd
    import squidpy

    table = anndata.AnnData(
        obs=pd.DataFrame(
            {"role": pd.Categorical.from_codes(cells["role"], list(ROLES))},
            index=np.arange(cells["x"].size).astype(str),
        ),
        obsm={"spatial": np.column_stack([cells["x"], cells["y"]])},
    )
    began = time.perf_counter()
    squidpy.gr.spatial_neighbors(table, coord_type="generic", n_neighs=N_NEIGHBOURS)
    graph_s = time.perf_counter() - began

    def call() -> object:
        return squidpy.gr.nhood_enrichment(
            table, "role", n_perms=request["permutations"], seed=1, copy=True, show_progress_bar=False
        )

    return call, f"graph of {N_NEIGHBOURS} neighbours, {graph_s:.1f} s, not counted"


def peak_mb() -> float:
    """Most memory of this process, and of each worker that it still has."""
    workers = [pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()]
    found = 0.0
    for process in ["self", *workers]:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
        found += next((float(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0.0) / 1024
    return found


def main() -> None:
    request = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")
    with np.load(request["cells"], allow_pickle=False) as file:
        cells = dict(file)
    call, told = {"gi": gi_star, "enrichment": enrichment}[request["task"]](request, cells)
    seconds = []
    for _ in range(request["calls"]):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    packages = ("esda", "libpysal", "numba") if request["task"] == "gi" else ("squidpy", "numba")
    versions = {"Python": platform.python_version(), **{name: version(name) for name in packages}}
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb(), "told": told, "versions": versions}))


if __name__ == "__main__":
    main()
