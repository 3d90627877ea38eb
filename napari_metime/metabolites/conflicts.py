"""What else may lie in an ion's m/z window: isomers, isobars, isotopes of others, matrix ions, in-source fragments.

All of it is computed from formulas; what the panel's table says beyond that is added.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_metime.metabolites.adducts import ADDUCTS, CL, ELECTRON, NA, H, K, O
from napari_metime.metabolites.isotopes import C13_SHIFT, ion_atoms
from napari_metime.metabolites.panel import PanelIon

Kind = Literal["isomer", "isobar", "isotope", "matrix", "in_source"]
KINDS: tuple[Kind, ...] = ("isomer", "isobar", "isotope", "matrix", "in_source")

ONE_FORMULA_U = 1e-6
"""Ions whose masses differ by less have one formula: other compositions of these elements lie further apart."""
NEAREST = 20
"""What lies in a window is looked at up to this many on each side: a table may state one m/z a thousand times."""
TOO_NEAR = 1e7
"""A resolving power that no instrument for imaging has; beyond it two ions count as one m/z. Our choice."""

MATRICES = {
    "DHB": "C7H6O4",
    "CHCA": "C10H7NO3",
    "9-AA": "C13H10N2",
    "DAN": "C10H10N2",
    "NEDC": "C12H14N2",
    "norharmane": "C11H8N2",
    "DHAP": "C8H8O3",
    "MBT": "C7H5NS2",
}
"""Formulas of the matrices for imaging, as they are without salt."""
_WATER, _CO2 = 2 * H + O, 12.0 + 2 * O
# What n molecules of matrix take up in u, and the charge: all for one to three molecules, those of ONE for one alone.
_MATRIX_FORMS = {
    "+H": (H, 1),
    "+Na": (NA, 1),
    "+K": (K, 1),
    "-H2O+H": (H - _WATER, 1),
    "-H": (-H, -1),
    "+Na-2H": (NA - 2 * H, -1),
    "-H2O-H": (-H - _WATER, -1),
    "+Cl": (CL, -1),
}
_MATRIX_FORMS_OF_ONE = {"": (0.0, 1), "-CO2-H": (-H - _CO2, -1)}

LOSSES = ("H2O", "CO2", "NH3", "HPO3", "H3PO4")
_FAMILIES = {"[M-H2O+H]+": "[M+H]+", "[M-H2O-H]-": "[M-H]-"}
"""Ions that carry the charge in the same way as others, so that one may come from the other."""
_FROM_TABLE = re.compile(r"(?P<name>.+) (?P<adduct>\[M[^\]]*\]\d*[+-]) -(?P<loss>.+)")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something else that may lie in the window of an ion.

    Parameters
    ----------
    with_name, with_adduct : what it is: another member and its ion, or a matrix and its
    delta_ppm : how far it lies above the ion; NaN where only the table says so
    resolving_power : m/dm, dm the full width at half maximum, from which two peaks lie a width apart: m / distance.
        Infinite for one formula, NaN where only the table says so
    text : all of it in words
    """

    kind: Kind
    with_name: str
    with_adduct: str
    delta_ppm: float
    resolving_power: float
    text: str


@dataclass(frozen=True, slots=True)
class _Signal:
    """Something that a spectrum may hold; ``detail`` is the number of 13C, or what was lost."""

    mz: float
    kind: Kind
    name: str
    adduct: str
    detail: str = ""


def find_conflicts(ions: Sequence[PanelIon], *, tolerance_ppm: float) -> dict[PanelIon, tuple[Conflict, ...]]:
    """Find for each ion what else may lie in its window: isomers first, then by kind and distance.

    Parameters
    ----------
    ions : all that a file can show; those of one polarity are compared with each other
    tolerance_ppm : half width of the window

    Returns
    -------
    dict
        of each ion; of elements nothing
    """
    found: dict[PanelIon, tuple[Conflict, ...]] = dict.fromkeys(ions, ())
    for polarity in ("positive", "negative"):
        of_polarity = [ion for ion in ions if ion.polarity == polarity]
        signals = sorted(_signals(of_polarity, polarity), key=lambda signal: signal.mz)
        mz = np.array([signal.mz for signal in signals])
        for ion in of_polarity:
            computed = list(_met(ion, signals, mz, tolerance_ppm))
            known = [*computed, *_from_table(ion, computed)]
            found[ion] = tuple(sorted(known, key=lambda c: (KINDS.index(c.kind), abs(np.nan_to_num(c.delta_ppm)))))
    return found


def _signals(ions: Sequence[PanelIon], polarity: str) -> Iterator[_Signal]:
    for ion in ions:
        charge = abs(ADDUCTS[ion.adduct].charge) if ion.adduct else 1
        yield _Signal(ion.mz, "isobar", ion.name, ion.adduct)
        atoms = _atoms(ion.formula)
        for n in (1, 2):
            if atoms["C"] >= n:
                yield _Signal(ion.mz + n * C13_SHIFT / charge, "isotope", ion.name, ion.adduct, f"M+{n}")
        for loss, lost, mass in _losses():
            if ion.adduct and lost <= atoms:
                yield _Signal(ion.mz - mass / charge, "in_source", ion.name, ion.adduct, loss)
    yield from (signal for of, signal in _matrix_ions() if of == polarity)


def _met(
    ion: PanelIon, signals: Sequence[_Signal], mz: NDArray[np.float64], tolerance_ppm: float
) -> Iterator[Conflict]:
    """Yield a conflict for each signal in the ion's window."""
    at, width = int(np.searchsorted(mz, ion.mz)), ion.mz * tolerance_ppm * 1e-6
    low = max(int(np.searchsorted(mz, ion.mz - width)), at - NEAREST)
    high = min(int(np.searchsorted(mz, ion.mz + width, side="right")), at + NEAREST)
    near = [signal for signal in signals[low:high] if signal.name != ion.name]
    as_ions = {signal.name for signal in near if signal.kind == "isobar"}
    for signal in near:
        # Water lost in the source makes the very ion that another form of the member is: that is told once.
        if signal.kind == "in_source" and (signal.name in as_ions or _family(signal.adduct) != _family(ion.adduct)):
            continue
        yield _conflict(ion, signal)


def _conflict(ion: PanelIon, signal: _Signal) -> Conflict:
    distance = signal.mz - ion.mz
    has_one_formula = abs(distance) < ONE_FORMULA_U
    kind: Kind = "isomer" if signal.kind == "isobar" and has_one_formula and ion.formula else signal.kind
    power = math.inf if has_one_formula else ion.mz / abs(distance)
    delta_ppm = 0.0 if has_one_formula else distance / ion.mz * 1e6
    return Conflict(kind, signal.name, signal.adduct, delta_ppm, power, _in_words(kind, signal, delta_ppm, power))


def _in_words(kind: Kind, signal: _Signal, delta_ppm: float, power: float) -> str:
    of = f"{signal.name} {signal.adduct}".strip()
    if kind == "in_source":
        return f"may be {of} that lost {signal.detail} in the source"
    apart = {"isotope": f"the {signal.detail} isotope of {of}", "matrix": f"{of}, where that is the matrix,"}
    what = apart.get(kind, of)
    if delta_ppm == 0 and kind != "isobar":
        return f"{what} has the same formula: not to be told apart at MS1"
    if power > TOO_NEAR:
        return f"{what} has the same m/z: not to be told apart at MS1"
    rounded = float(f"{power:.1e}")
    return f"{what} lies {abs(delta_ppm):.1f} ppm away: a resolving power of {rounded:,.0f} would part them"


def _from_table(ion: PanelIon, computed: Iterable[Conflict]) -> Iterator[Conflict]:
    """Yield what the table says of the ion's traps and the formulas do not."""
    known = {(c.kind, c.with_name) for c in computed}
    for entry in _entries(ion.matrix_conflicts):
        adduct, _, matrix = entry.rpartition("~")
        is_told = any(kind == "matrix" and matrix.startswith(name) for kind, name in known)
        if adduct in ("", ion.adduct) and not is_told:
            yield Conflict("matrix", matrix, "", math.nan, math.nan, f"matrix ion: {matrix}")
    told = {name for kind, name in known if kind in ("in_source", "isomer")}
    for entry in _entries(ion.in_source):
        stated = _FROM_TABLE.fullmatch(entry)
        if stated is None:
            # A fragment of no named ion has a proton more or less, no salt; of an ion without adduct it is not known.
            if _family(ion.adduct) in ("[M+H]+", "[M-H]-", "[M]+", ""):
                yield Conflict("in_source", entry, "", math.nan, math.nan, f"may be made in the source: {entry}")
        elif stated["adduct"] == ion.adduct and stated["name"] not in told:
            words = f"may be {stated['name']} {ion.adduct} that lost {stated['loss']} in the source"
            yield Conflict("in_source", stated["name"], ion.adduct, math.nan, math.nan, words)


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(";") if entry.strip()]


def _family(adduct: str) -> str:
    return _FAMILIES.get(adduct, adduct)


def _atoms(formula: str) -> Counter[str]:
    """Count the atoms of a formula of element symbols and counts."""
    return Counter(dict(ion_atoms(formula, "[M]+")[0]))


@cache
def _losses() -> tuple[tuple[str, Counter[str], float], ...]:
    return tuple((loss, _atoms(loss), _mass(loss)) for loss in LOSSES)


@cache
def _matrix_ions() -> tuple[tuple[str, _Signal], ...]:
    """Return the ions of each matrix with their polarity: of one to three molecules."""
    ions = []
    for name, formula in MATRICES.items():
        mass = _mass(formula)
        for n in (1, 2, 3):
            for form, (gain, charge) in (_MATRIX_FORMS | (_MATRIX_FORMS_OF_ONE if n == 1 else {})).items():
                sign, polarity = ("+", "positive") if charge > 0 else ("-", "negative")
                adduct = f"[{n if n > 1 else ''}M{form}]{sign}"
                ions.append((polarity, _Signal(n * mass + gain - charge * ELECTRON, "matrix", name, adduct)))
    return tuple(ions)


def _mass(formula: str) -> float:
    from molmass import Formula

    return float(Formula(formula).monoisotopic_mass)
