"""From a monoisotopic mass to the m/z of an ion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# Masses in u: AME 2020 for the isotopes, CODATA 2018 for the electron.
ELECTRON = 0.000548579909
H = 1.007825031898
C = 12.0
N = 14.003074004251
O = 15.994914619257  # noqa: E741
NA = 22.989769281958
CL = 34.968852694
K = 38.963706485
AG_107 = 106.905091509
AG_109 = 108.904755773


@dataclass(frozen=True, slots=True)
class Adduct:
    """What a neutral molecule takes up (mass in u) and the charge that it then carries."""

    gain: float
    charge: int

    @property
    def polarity(self) -> Literal["positive", "negative"]:
        """The mode in which the ion is seen."""
        return "positive" if self.charge > 0 else "negative"


ADDUCTS = {
    "[M-H]-": Adduct(-H, -1),
    "[M+Cl]-": Adduct(CL, -1),
    "[M-H2O-H]-": Adduct(-3 * H - O, -1),
    "[M-CH3]-": Adduct(-C - 3 * H, -1),
    "[M-2H]2-": Adduct(-2 * H, -2),
    "[M+H]+": Adduct(H, 1),
    "[M+Na]+": Adduct(NA, 1),
    "[M+K]+": Adduct(K, 1),
    "[M+NH4]+": Adduct(N + 4 * H, 1),
    "[M-H2O+H]+": Adduct(-H - O, 1),
    "[M]+": Adduct(0.0, 1),
    "[M+107Ag]+": Adduct(AG_107, 1),
    "[M+109Ag]+": Adduct(AG_109, 1),
}


def ion_mz(monoisotopic_mass: float, adduct: str) -> float:
    """Return the m/z of an ion: (mass + gain - charge x electron mass) / |charge|.

    Parameters
    ----------
    monoisotopic_mass : of the neutral molecule in u; for ``[M]+`` that of the formula as it stands
    adduct : a key of ADDUCTS
    """
    ion = ADDUCTS[adduct]
    return (monoisotopic_mass + ion.gain - ion.charge * ELECTRON) / abs(ion.charge)
