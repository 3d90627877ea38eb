"""What the simulated spectra contain: metabolites of the panel, further tissue lipids, matrix background.

All in negative mode. The m/z of metabolites are those of their [M-H]- ions; no other peak lies
within 15 ppm of a panel ion, so nothing is detected that was not planted. Metabolites and lipids have
their M+1 and M+2 isotopes.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from napari_metime.errors import RecipeError


@dataclass(frozen=True, slots=True)
class Metabolite:
    """A metabolite of the panel and how it is planted.

    Parameters
    ----------
    name : the panel's name
    mz : m/z of [M-H]-
    counts : expected detector counts per pixel in the tumour bed, outside niches
    niche_log2 : log2 fold change inside niches
    tumor_log2 : log2 fold change from no tumour cells to the tumour density of the bed; not 0 = confounded
    formula : of the neutral molecule, for its isotopes; empty = as much carbon as a lipid of this m/z has
    """

    name: str
    mz: float
    counts: float
    niche_log2: float = 0.0
    tumor_log2: float = 0.0
    formula: str = ""

    def __post_init__(self) -> None:
        if not 10 <= self.mz <= 10_000 or not 0 <= self.counts <= 1e6:
            raise RecipeError(
                f"{self.name}: expected m/z from 10 to 10000 and counts from 0 to 1e6, "
                f"found {self.mz!r} and {self.counts!r}; change them"
            )
        if not all(math.isfinite(v) and abs(v) <= 10 for v in (self.niche_log2, self.tumor_log2)):
            raise RecipeError(
                f"{self.name}: expected log2 changes from -10 to 10, "
                f"found {self.niche_log2!r} and {self.tumor_log2!r}; change them"
            )


METABOLITES: tuple[Metabolite, ...] = (
    Metabolite("L-Lactate", 89.0244, 120, niche_log2=1.0, formula="C3H6O3"),
    Metabolite("L-Kynurenine", 207.0775, 60, niche_log2=0.8, formula="C10H12N2O3"),
    Metabolite("Arachidonate (FA 20:4)", 303.2330, 150, niche_log2=0.5, formula="C20H32O2"),
    Metabolite("Palmitate (FA 16:0)", 255.2330, 160, niche_log2=0.4, tumor_log2=0.5, formula="C16H32O2"),
    Metabolite("L-Tryptophan", 203.0826, 70, niche_log2=-0.8, formula="C11H12N2O2"),
    Metabolite("L-Arginine", 173.1044, 60, niche_log2=-0.7, formula="C6H14N4O2"),
    Metabolite("Hexose (D-glucose)", 179.0561, 80, niche_log2=-0.6, formula="C6H12O6"),
    Metabolite("L-Glutamine", 145.0619, 110, niche_log2=-0.5, formula="C5H10N2O3"),
    Metabolite("L-Glutamate", 146.0459, 180, tumor_log2=0.8, formula="C5H9NO4"),
    Metabolite("Glutathione (GSH)", 306.0765, 90, tumor_log2=0.7, formula="C10H17N3O6S"),
    Metabolite("Taurine", 124.0074, 200, tumor_log2=0.6, formula="C2H7NO3S"),
    Metabolite("Pyruvate", 87.0088, 40, formula="C3H4O3"),
    Metabolite("Hexose phosphate (G6P/F6P/G1P)", 259.0224, 50, formula="C6H13O9P"),
    Metabolite("Anthranilic acid", 136.0404, 30, formula="C7H7NO2"),
    Metabolite("L-Ornithine", 131.0826, 45, formula="C5H12N2O2"),
    Metabolite("L-Citrulline", 174.0884, 40, formula="C6H13N3O3"),
    Metabolite("L-Aspartate", 132.0302, 90, formula="C4H7NO4"),
    Metabolite("Malate", 133.0142, 70, formula="C4H6O5"),
    Metabolite("AMP", 346.0558, 60, formula="C10H14N5O7P"),
    Metabolite("Oleate (FA 18:1)", 281.2486, 220, formula="C18H34O2"),
    Metabolite("Stearate (FA 18:0)", 283.2643, 180, formula="C18H36O2"),
    Metabolite("Cholesterol sulfate", 465.3044, 60, formula="C27H46O4S"),
    Metabolite("PE 38:4", 766.5392, 70, formula="C43H78NO8P"),
    Metabolite("PI 38:4", 885.5499, 140, formula="C47H83O13P"),
)

LIPID_MZ: tuple[float, ...] = tuple(round(617.41 + 10.004 * i, 4) for i in range(24))
"""Further tissue ions without a name, with the mass defect of phospholipids."""

MATRIX_PEAKS: tuple[tuple[float, float, float], ...] = (
    (193.0771, 1300.0, 500.0),  # 9-aminoacridine [M-H]-
    (229.0538, 700.0, 260.0),  # [M+Cl]-
    (387.1615, 520.0, 150.0),  # [2M-H]-
    (423.1382, 300.0, 80.0),  # [2M+Cl]-
    (581.2459, 160.0, 40.0),  # [3M-H]-
    (162.8391, 150.0, 130.0),
    (196.9124, 110.0, 130.0),
    (222.8473, 120.0, 50.0),
    (248.9602, 140.0, 140.0),
    (270.8187, 90.0, 30.0),
    (318.8946, 100.0, 40.0),
    (352.9318, 60.0, 70.0),
    (402.8735, 70.0, 25.0),
    (458.9471, 50.0, 45.0),
    (504.8829, 50.0, 15.0),
    (558.9366, 40.0, 35.0),
)
"""Background: m/z, expected counts off tissue, expected counts on tissue. The first five are ions of the
matrix 9-aminoacridine, which tissue suppresses; the rest stand for salt clusters."""

LIPID_DA_PER_CARBON = 18.0
C13_SHIFT, C13_SHARE = 1.003355, 0.0107 / 0.9893
O18_SHIFT, O18_SHARE = 2.004245, 0.00205 / 0.99757
S34_SHIFT, S34_SHARE = 1.995796, 0.0425 / 0.9499
"""Distance (u) from the usual isotope, and abundance over it (IUPAC 2013)."""


def isotopes_of(mz: float, formula: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return m/z and height over M of M+1 and M+2 of a singly charged ion.

    M+1 by 13C alone; M+2 the strongest of two 13C, one 18O and one 34S, which an Orbitrap tells apart.

    Parameters
    ----------
    formula : of the neutral molecule; empty = as much carbon as a lipid of this m/z has
    """
    atoms = {symbol: int(n or 1) for symbol, n in re.findall(r"([A-Z][a-z]?)(\d*)", formula)}
    n_carbon = atoms.get("C", 0) if formula else round(mz / LIPID_DA_PER_CARBON)
    second = max(
        (n_carbon * (n_carbon - 1) / 2 * C13_SHARE**2, 2 * C13_SHIFT),
        (atoms.get("O", 0) * O18_SHARE, O18_SHIFT),
        (atoms.get("S", 0) * S34_SHARE, S34_SHIFT),
    )
    return (mz + C13_SHIFT, n_carbon * C13_SHARE), (mz + second[1], second[0])
