"""What the simulated spectra contain: metabolites of the panel, further tissue lipids, matrix background.

All in negative mode. The m/z of metabolites are those of their [M-H]- ions; no other peak lies
within 20 ppm of a panel ion, so nothing is detected that was not planted.
"""

from __future__ import annotations

import math
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
    """

    name: str
    mz: float
    counts: float
    niche_log2: float = 0.0
    tumor_log2: float = 0.0

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
    Metabolite("L-Lactate", 89.0244, 120, niche_log2=1.0),
    Metabolite("L-Kynurenine", 207.0775, 60, niche_log2=0.8),
    Metabolite("Arachidonate (FA 20:4)", 303.2330, 150, niche_log2=0.5),
    Metabolite("Palmitate (FA 16:0)", 255.2330, 160, niche_log2=0.4, tumor_log2=0.5),
    Metabolite("L-Tryptophan", 203.0826, 70, niche_log2=-0.8),
    Metabolite("L-Arginine", 173.1044, 60, niche_log2=-0.7),
    Metabolite("Hexose (D-glucose)", 179.0561, 80, niche_log2=-0.6),
    Metabolite("L-Glutamine", 145.0619, 110, niche_log2=-0.5),
    Metabolite("L-Glutamate", 146.0459, 180, tumor_log2=0.8),
    Metabolite("Glutathione (GSH)", 306.0765, 90, tumor_log2=0.7),
    Metabolite("Taurine", 124.0074, 200, tumor_log2=0.6),
    Metabolite("Pyruvate", 87.0088, 40),
    Metabolite("Hexose phosphate (G6P/F6P/G1P)", 259.0224, 50),
    Metabolite("Anthranilic acid", 136.0404, 30),
    Metabolite("L-Ornithine", 131.0826, 45),
    Metabolite("L-Citrulline", 174.0884, 40),
    Metabolite("L-Aspartate", 132.0302, 90),
    Metabolite("Malate", 133.0142, 70),
    Metabolite("AMP", 346.0558, 60),
    Metabolite("Oleate (FA 18:1)", 281.2486, 220),
    Metabolite("Stearate (FA 18:0)", 283.2643, 180),
    Metabolite("Cholesterol sulfate", 465.3044, 60),
    Metabolite("PE 38:4", 766.5392, 70),
    Metabolite("PI 38:4", 885.5499, 140),
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
