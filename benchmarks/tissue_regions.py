"""How often the number of regions is right that spectra propose, and how well planted regions are found.

    python benchmarks/tissue_regions.py [--out docs/tissue_regions.md] [--sections 10]

The given number of sections is simulated for each row and each number of regions from 1 to 5. The table goes into the
marked part of docs/tissue_regions.md, or is printed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from marked import write_marked
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from napari_metime.simulate.fields import smooth_noise
from napari_metime.tissue import find_regions

NUMBERS = (1, 2, 3, 4, 5)
PIXEL_UM, SMOOTHING_UM = 50.0, 50.0
N_IONS, COUNTS, GAIN_SD, DROPOUT = 40, 55.0, 0.2, 0.03
LEAST_SHARE = 0.08  # of the tissue, of each region
FIRST_SEED = 100


@dataclass(frozen=True)
class Case:
    """What the sections of a row are like; standard deviations are of logarithms, lengths in pixels of 50 µm."""

    name: str
    shape: tuple[int, int] = (52, 64)
    change_log2: float = 0.5
    texture: float = 0.2
    texture_scale: float = 1.6
    gradient: float = 0.0
    shared: float = 0.0


CASES = (
    Case("as above"),
    Case("104 x 128 pixels", shape=(104, 128)),
    Case("regions half as different (s.d. 0.25)", change_log2=0.25),
    Case("texture of s.d. 0.35", texture=0.35),
    Case("texture of 200 µm instead of 80", texture_scale=4.0),
    Case("a gradient through the section (log s.d. 0.5 an ion)", gradient=0.5),
    Case("patterns that ions share within regions (three of log s.d. 0.15)", shared=0.15),
)


def main() -> None:
    """Measure every case and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sections", type=int, default=10)
    asked = parser.parse_args()
    lines = [
        f"| sections | right of {asked.sections} with {', '.join(map(str, NUMBERS))} regions | "
        "adjusted Rand index at the planted number above 1: median, least |",
        "|---|---|---|",
    ]
    for case in CASES:
        lines.append(row_of(case, asked.sections))
        print(lines[-1], flush=True)
    if asked.out is not None:
        write_marked(asked.out, "\n".join(lines))


def row_of(case: Case, n_sections: int) -> str:
    """Return the row of a case in the table."""
    right, found = dict.fromkeys(NUMBERS, 0), []
    for n in NUMBERS:
        for seed in range(FIRST_SEED, FIRST_SEED + n_sections):
            images, tissue, planted = section(case, n, np.random.default_rng([seed, n]))
            kind = {"method": "kmeans", "spacing_um": (PIXEL_UM, PIXEL_UM), "smoothing_um": SMOOTHING_UM}
            right[n] += int(find_regions(images, tissue, n_regions="auto", **kind).labels.max()) == n
            if n > 1:
                labels = find_regions(images, tissue, n_regions=n, **kind).labels
                found.append(adjusted_rand_score(planted[tissue], labels[tissue]))
    counts = ", ".join(str(right[n]) for n in NUMBERS)
    return f"| {case.name} | {counts} | {np.median(found):.2f}, {min(found):.2f} |"


def section(
    case: Case, n: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.intp]]:
    """Draw a section with ``n`` regions: images by total ion current, the tissue, and the region of every pixel."""
    shape = case.shape
    row, col = np.indices(shape)
    tissue = ((row - shape[0] / 2) / (shape[0] * 0.46)) ** 2 + ((col - shape[1] / 2) / (shape[1] * 0.46)) ** 2 <= 1
    share = 0.0
    while share <= LEAST_SHARE:
        planted = np.argmax(smooth_noise((n, *shape), 8 * shape[0] / 52, rng), axis=0) + 1
        share = np.bincount(planted[tissue], minlength=n + 1)[1:].min() / tissue.sum()
    level = COUNTS * np.exp(0.5 * rng.standard_normal(N_IONS))
    change = case.change_log2 * rng.standard_normal((n, N_IONS))
    mean = level[:, None, None] * np.exp2(change[planted - 1].transpose(2, 0, 1))
    mean *= np.exp(case.texture * smooth_noise((N_IONS, *shape), case.texture_scale, rng))
    if case.gradient:
        mean *= np.exp(case.gradient * (col / shape[1] - 0.5) * rng.standard_normal(N_IONS)[:, None, None])
    if case.shared:
        patterns = smooth_noise((3, *shape), 6 * shape[0] / 52, rng)
        mean *= np.exp(case.shared * np.einsum("krc,kn->nrc", patterns, rng.standard_normal((3, N_IONS))))
    images = rng.poisson(mean * np.exp(GAIN_SD * rng.standard_normal(shape))).astype(float)
    images[rng.random(images.shape) < DROPOUT] = 0
    total = images.sum(axis=0, keepdims=True)
    return (images / (total / total.mean())).astype(np.float32), tissue, planted


if __name__ == "__main__":
    main()
