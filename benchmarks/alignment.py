"""How far aligned cells are off, and whether what is said of it is true: simulated sections with a known transform.

    python benchmarks/alignment.py [--out docs/alignment.md] [--sections 500]

Each section has landmarks drawn evenly over it, with noise of 4 µm (standard deviation) on each axis, and another
turn, scale and shear. The worst error over the section, known here, is compared with what the fit says of itself.
The table goes into the marked part of docs/alignment.md, or is printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from marked import write_marked
from numpy.typing import NDArray

from napari_metime.alignment import asked_for, bound_um, fit_landmarks
from napari_metime.errors import AlignmentError

SIZE_UM = np.array([4000.0, 3000.0])
NOISE_UM = 4.0
SCALE_UM = 0.5
N_LANDMARKS = (4, 6, 8, 12, 20, 40)
FEWER = 5  # sections for plates, of which each takes longer, are fewer by this factor
Bend = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Case:
    """A kind of fit, and whether the section is bent."""

    kind: str
    name: str
    bend_um: float = 0.0
    target_um: float | None = None
    """Median of the worst error that the issue asks for, with 20 landmarks."""


CASES = (
    Case("rigid", "rigid"),
    Case("similarity", "similarity", target_um=5.0),
    Case("affine", "affine", target_um=6.0),
    Case("thin_plate", "thin plate, no bend"),
    Case("thin_plate", "thin plate, bent by 30 µm", bend_um=30.0),
    Case("affine", "affine, bent by 30 µm", bend_um=30.0),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="the page whose marked part is renewed; default: print")
    parser.add_argument("--sections", type=int, default=500, help="sections for each line")
    options = parser.parse_args()
    text = table(options.sections)
    if options.out is None:
        print(text)
        return
    write_marked(options.out, text)


def table(n_sections: int) -> str:
    head = (
        "fit", "landmarks", "worst error", "root mean square error", "leave-one-out error", "95 % bound",
        "bound holds in", "another fit advised in", "asked for",
    )  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for case in CASES:
        for n in N_LANDMARKS:
            sections = n_sections // FEWER if case.kind == "thin_plate" else n_sections
            lines.append(line(case, n, sections))
    counts = f"{n_sections} sections a line, {n_sections // FEWER} for thin plates"
    section = f"noise {NOISE_UM:g} µm on each axis, {SIZE_UM[0]:g} x {SIZE_UM[1]:g} µm"
    return "\n".join([*lines, "", f"Medians over the sections; {counts}; {section}."])


def line(case: Case, n: int, n_sections: int) -> str:
    found = [one(case, n, np.random.default_rng([seed, n])) for seed in range(n_sections)]
    measured = np.array([values for values in found if values is not None])
    worst, typical, left_out, bound, advised = measured.T
    known = np.isfinite(bound)
    asked = ""
    if case.target_um is not None and n == 20:
        asked = f"≤ {case.target_um:g} µm: {'met' if np.median(worst) <= case.target_um else '**not met**'}"
    refused = f" ({n_sections - len(measured)} refused)" if len(measured) < n_sections else ""
    holds = f"{np.mean(worst[known] <= bound[known]):.1%}" if known.any() else "–"
    shown = (f"{np.nanmedian(values):.1f} µm" if np.isfinite(values).any() else "–" for values in (left_out, bound))
    cells = (case.name, f"{n}{refused}", f"{np.median(worst):.1f} µm", f"{np.median(typical):.1f} µm")
    return "| " + " | ".join([*cells, *shown, holds, f"{np.mean(advised):.1%}", asked]) + " |"


def one(case: Case, n: int, rng: np.random.Generator) -> tuple[float, ...] | None:
    """Return the worst and the root mean square error over one section, and what the fit says; None if refused."""
    matrix, bend = true_map(case, rng)
    x, y = (axis.ravel() for axis in np.meshgrid(*(np.linspace(0, side, 21) for side in SIZE_UM)))
    places = np.column_stack([x, y])
    chosen = rng.uniform(0, SIZE_UM, (n, 2))
    to_source = np.linalg.inv(matrix)
    # The truth runs from the section to the cells; a bend that small is its own inverse's opposite to second order.
    source, everywhere = ((p - bend(p)) @ to_source.T for p in (chosen, places))
    landmarks = np.column_stack([source, chosen + rng.normal(0, NOISE_UM, (n, 2))])
    try:
        fit = fit_landmarks(landmarks, case.kind, source_scale=SCALE_UM)  # type: ignore[arg-type]
    except AlignmentError:
        return None
    off_um = np.hypot(*(np.column_stack(fit.to_section(*everywhere.T)) - places).T)
    return (
        float(off_um.max()),
        float(np.sqrt(np.mean(off_um**2))),
        fit.target_error_um,
        bound_um(fit, *everywhere.T),
        float(asked_for(fit) is not None),
    )


def true_map(case: Case, rng: np.random.Generator) -> tuple[NDArray[np.float64], Bend]:
    """Return the 2 x 2 matrix from source to section, and by how much the section is bent beyond it."""
    angle = rng.uniform(-np.pi, np.pi)
    matrix = SCALE_UM * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if case.kind in ("affine", "thin_plate"):
        matrix = matrix @ np.array([[1.0, rng.normal(0, 0.03)], [0.0, 1 + rng.normal(0, 0.03)]])
    phases = rng.uniform(0, 2 * np.pi, 4)

    def bend(at: NDArray[np.float64]) -> NDArray[np.float64]:
        waves = np.sin(2 * np.pi * at[:, [0, 1, 0, 1]] / 5000 + phases)  # as smooth as tissue that was stretched
        return case.bend_um / 2 * np.column_stack([waves[:, 0] + waves[:, 1], waves[:, 2] - waves[:, 3]])

    return matrix, bend


if __name__ == "__main__":
    main()
