"""summary.csv: the whole section in one row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import KDTree

from napari_metime.niches.grades import OUR_CUTOFFS, rate_ratio
from napari_metime.niches.labelling import count_on_grid
from napari_metime.niches.regions import RegionInputs
from napari_metime.recipe import GradesRecipe

SectionGrade = Literal["desert", "excluded", "inflamed", "mixed", "undetermined"]
PLACES = ("niches", "margin", "inner", "stroma")

SUMMARY_COLUMNS = (
    "section_id", "grade", "n_niches", "cold_fraction", "assessable_fraction", "radius_um", "area_domain_um2",
    *(f"area_{place}_um2" for place in PLACES), "n_effector", "density_effector_domain_per_mm2",
    *(f"density_effector_{place}_per_mm2" for place in PLACES),
    "mixing_score", "mixing_score_normalized", "mixing_radius_um", "dispersion",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mixing:
    """Contacts of reference cells with target cells and among themselves.

    Parameters
    ----------
    n_reference, n_target : number of cells
    n_between : pairs of a reference and a target cell
    n_among : pairs of two reference cells, each once
    """

    n_reference: int
    n_target: int
    n_between: int
    n_among: int

    @property
    def score(self) -> float:
        """Contacts with the target over those among the reference (Keren et al. 2018, Cell 174:1373); NaN without."""
        return self.n_between / self.n_among if self.n_among else float("nan")

    @property
    def normalized(self) -> float:
        """Half the score, times (n_reference - 1) / n_target: 1 where the cells are mixed at random, as in SPIAT."""
        return 0.5 * self.score * (self.n_reference - 1) / self.n_target if self.n_target else float("nan")


def mixing(reference: NDArray[np.float64], target: NDArray[np.float64], radius_um: float) -> Mixing:
    """Count the contacts: pairs of cells at most ``radius_um`` apart; in memory of the order of the cells.

    Parameters
    ----------
    reference, target : ndarray of shape (n, 2), in µm
    """
    if not (len(reference) and len(target)):
        return Mixing(len(reference), len(target), 0, 0)
    one, other = KDTree(reference), KDTree(target)
    n_among = (int(one.count_neighbors(one, radius_um)) - len(reference)) // 2
    return Mixing(len(reference), len(target), int(one.count_neighbors(other, radius_um)), n_among)


def section_summary(inputs: RegionInputs, *, section_id: str, cutoffs: GradesRecipe = OUR_CUTOFFS) -> pd.DataFrame:
    """Sum up a section in one row.

    ``cold_fraction`` is the niches' share of the assessable domain, ``assessable_fraction`` that of the domain.
    Effectors are counted in the niches, in the margin (domain within ``margin_um`` of its border), in the inner
    domain, and in the stroma (tissue outside the domain). The mixing score takes effectors as reference and tumour
    cells as target, all on the tissue.
    """
    niches, cells = inputs.niches, inputs.cells
    domain, n_domain, n_assessable = niches.domain, niches.domain.sum(), niches.assessable.sum()
    effectors = count_on_grid(inputs.pixel[cells.has_role("effector")], inputs.grid.shape)
    places = {
        "domain": domain,
        "niches": niches.labels > 0,
        "margin": domain & (inputs.margin_um >= -cutoffs.margin_um),
        "inner": domain & (inputs.margin_um < -cutoffs.margin_um),
        "stroma": inputs.tissue & ~domain,
        "tissue": inputs.tissue,
    }
    loads = {name: _load(inputs, effectors, mask) for name, mask in places.items()}
    here = inputs.on_tissue()
    effector, tumor = (_places_of(inputs, here & cells.has_role(role)) for role in ("effector", "tumor"))
    contacts = mixing(effector, tumor, cutoffs.mixing_radius_um)
    dispersion = np.nan if niches.null is None else niches.null.dispersion
    cold = (places["niches"] & niches.assessable).sum() / n_assessable if n_assessable else np.nan
    row = {
        "section_id": section_id,
        "grade": grade_section(loads, cold, cutoffs, dispersion=dispersion),
        "n_niches": niches.n_niches,
        "cold_fraction": cold,
        "assessable_fraction": n_assessable / n_domain if n_domain else np.nan,
        "radius_um": niches.radius_um,
        **{f"area_{name}_um2": area_mm2 * 1e6 for name, (_, area_mm2) in loads.items()},
        "n_effector": loads["tissue"][0],
        **{f"density_effector_{name}_per_mm2": _density(load) for name, load in loads.items()},
        "mixing_score": contacts.score,
        "mixing_score_normalized": contacts.normalized,
        "mixing_radius_um": cutoffs.mixing_radius_um,
        "dispersion": dispersion,
    }
    return pd.DataFrame([row], columns=list(SUMMARY_COLUMNS))


def grade_section(
    loads: dict[str, tuple[int, float]],
    cold_fraction: float,
    cutoffs: GradesRecipe = OUR_CUTOFFS,
    *,
    dispersion: float = 1.0,
) -> SectionGrade:
    """Grade a whole section by its effectors: the three patterns of Sobottka et al. 2021 (Lab Invest 101:1561).

    desert: neither the domain nor the stroma holds ``desert_per_mm2``, or no effector is there at all. excluded: margin
    and stroma hold at least ``min_ring_to_core`` times the effectors per mm² of the inner domain, with the lower limit
    that an excluded niche asks for. inflamed: at most ``inflamed_cold_fraction`` of the assessable domain is cold.
    mixed: all else. undetermined: nothing is assessable. Their own cut-offs are for melanoma; these are our defaults.

    Parameters
    ----------
    loads : (effectors, mm²) of the domain, margin, inner, stroma and tissue
    cold_fraction : NaN where nothing is assessable
    """
    if not loads["tissue"][0]:
        return "desert"
    densities = [_density(loads[name]) for name in ("domain", "stroma") if loads[name][1] > 0]
    if max(densities, default=0.0) < cutoffs.desert_per_mm2:
        return "desert"
    outer = (loads["margin"][0] + loads["stroma"][0], loads["margin"][1] + loads["stroma"][1])
    outward = rate_ratio(outer, loads["inner"], dispersion=dispersion)
    if outward.value >= cutoffs.min_ring_to_core and outward.low > cutoffs.min_ring_to_core_low:
        return "excluded"
    if np.isnan(cold_fraction):
        return "undetermined"
    return "inflamed" if cold_fraction <= cutoffs.inflamed_cold_fraction else "mixed"


def _load(inputs: RegionInputs, effectors: NDArray[np.int64], mask: NDArray[np.bool_]) -> tuple[int, float]:
    return int(effectors[mask].sum()), float(mask.sum()) * inputs.grid.pixel_area_um2 / 1e6


def _density(load: tuple[int, float]) -> float:
    return load[0] / load[1] if load[1] else float("nan")


def _places_of(inputs: RegionInputs, which: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.stack([inputs.cells.x[which], inputs.cells.y[which]], axis=1)
