"""From a monoisotopic mass to the m/z of an ion."""

from __future__ import annotations

import re
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


def adduct_named(text: str) -> str | None:
    """Return the key of ADDUCTS that a spelling means, None for none.

    ``+H``, ``M+H``, ``[M + H]+`` and ``M+H+`` are one, as are ``-H2O+H`` and ``+H-H2O``; ``M`` is the molecule as it
    stands. A charge may be left out, but must be right where it stands.
    """
    spelled = _SPELLING.fullmatch("".join(text.split()).replace("−", "-"))
    if spelled is None or not spelled[0]:
        return None
    adduct = _BY_GAINS.get(_gains(spelled["body"]))
    return adduct if adduct is None or adduct.endswith(spelled["sign"]) else None


def _gains(body: str) -> tuple[str, ...]:
    """Return what is taken up and lost, in one order."""
    return tuple(sorted(re.findall(r"[+-][^+-]+", body)))


_SPELLING = re.compile(
    r"(?P<bracket>\[)?M?(?P<body>(?:[+-]\d{0,3}(?:[A-Z][a-z]?\d{0,2}){1,9}){0,4})(?(bracket)\]\d?|)(?P<sign>[+-]?)"
)
_BY_GAINS = {_gains(adduct[2 : adduct.index("]")]): adduct for adduct in ADDUCTS}
