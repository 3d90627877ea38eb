"""The isotope pattern of an ion: where its M, M+1 and M+2 lie, and how strong they are.

Isotope masses and abundances are those that molmass holds (IUPAC 2013 and AME 2012 by way of NIST).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import RecipeError
from napari_metime.metabolites.adducts import ELECTRON

SHIFTS = (0, 1, 2)
"""Nominal masses above the monoisotopic peak that evidence is taken from."""
C13_SHIFT = 1.0033548378
"""Mass of 13C over that of 12C in u."""
_ALIKE = 1e-4
"""Isotopologues closer than this (u) are one; far below what any imaging instrument tells apart."""
_LEAST = 1e-6
"""Share below which an isotopologue is left out."""
_PART = re.compile(r"([+-])(\d*)((?:[A-Z][a-z]?\d*)+)")
_ADDUCT = re.compile(r"\[M((?:[+-]\d{0,3}(?:[A-Z][a-z]?\d{0,4})+){0,5})\](\d?)([+-])")
_ATOM = re.compile(r"([A-Z][a-z]?)(\d*)")

Atoms = tuple[tuple[str, int], ...]
_Masses = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class IsotopePattern:
    """Peaks of an ion, m/z ascending.

    Parameters
    ----------
    mz : of each peak: the mean of what it is made of, weighted by abundance
    abundance : of each peak, as a share of all isotopologues of the ion
    """

    mz: tuple[float, ...]
    abundance: tuple[float, ...]

    @property
    def relative(self) -> tuple[float, ...]:
        """Abundance of each peak over that of the first."""
        return tuple(share / self.abundance[0] for share in self.abundance)


def isotope_pattern(formula: str, adduct: str, *, merge_ppm: float = 100.0) -> IsotopePattern:
    """Return M, M+1 and M+2 of an ion; M is made of the most abundant isotope of each element.

    Of the isotopologues with one nominal mass, a peak is the strongest and those within ``merge_ppm``
    of it: the m/z window of an instrument that tells 13C from 15N holds one, a wide window both.

    Parameters
    ----------
    formula : of the neutral molecule
    adduct : as ``[M-H]-``; ``[M+109Ag]+`` names its isotope, of which no heavier ones follow
    merge_ppm : half width of a peak; the default merges all of a nominal mass

    Raises
    ------
    RecipeError
        The adduct cannot be read.
    """
    atoms, charge = ion_atoms(formula, adduct)
    peaks = _peaks(atoms, charge, merge_ppm)
    found = [peaks.get(shift, (float("nan"), 0.0)) for shift in SHIFTS]
    first = found[0][0]
    # An element with one isotope has no M+1: its place is that of 13C, its abundance 0.
    mz = [first + shift * C13_SHIFT / abs(charge) if share == 0 else at for shift, (at, share) in enumerate(found)]
    return IsotopePattern(tuple(mz), tuple(share for _, share in found))


def strongest_peaks(formula: str, adduct: str, n: int, *, merge_ppm: float = 100.0) -> IsotopePattern:
    """Return the n most abundant peaks of an ion, one a nominal mass, as METASPACE takes four; raises as above."""
    peaks = _peaks(*ion_atoms(formula, adduct), merge_ppm)
    chosen = sorted(sorted(peaks.values(), key=lambda peak: -peak[1])[:n])
    return IsotopePattern(tuple(mz for mz, _ in chosen), tuple(share for _, share in chosen))


@lru_cache(maxsize=65536)
def ion_atoms(formula: str, adduct: str) -> tuple[Atoms, int]:
    """Return the atoms of an ion and its charge; ``109Ag`` is an atom of its own.

    Raises
    ------
    RecipeError
        The adduct cannot be read, or it takes atoms that the formula lacks.
    """
    whole = _ADDUCT.fullmatch(adduct)
    if whole is None:
        raise RecipeError(f"expected an adduct such as [M+H]+, found {adduct!r:.40}; mend it")
    counts: dict[str, int] = {}
    for symbol, number in _ATOM.findall(formula):
        counts[symbol] = counts.get(symbol, 0) + int(number or 1)
    for part in _PART.finditer(whole[1]):
        isotope = part[2] if len(part[2]) > 1 else ""
        factor = (1 if part[1] == "+" else -1) * int("1" if isotope else part[2] or 1)
        for symbol, number in _ATOM.findall(part[3]):
            # The lighter isotope of silver is its most abundant one: the heavier follows as its M+2.
            key = symbol if isotope in ("", "107") else isotope + symbol
            counts[key] = counts.get(key, 0) + factor * int(number or 1)
    if min(counts.values(), default=0) < 0:
        raise RecipeError(f"expected a formula that can lose what {adduct} takes, found {formula:.60}; mend it")
    charge = int(whole[2] or 1) * (1 if whole[3] == "+" else -1)
    return tuple(sorted((symbol, number) for symbol, number in counts.items() if number)), charge


@lru_cache(maxsize=65536)
def _peaks(atoms: Atoms, charge: int, merge_ppm: float) -> dict[int, tuple[float, float]]:
    """Return m/z and abundance of the peak of each nominal mass, by its distance from the monoisotopic one."""
    mass, share = _isotopologues(atoms)
    shift = np.rint(mass - sum(_monoisotopic(symbol) * number for symbol, number in atoms)).astype(int)
    mz = (mass - charge * ELECTRON) / abs(charge)
    peaks = {}
    for nominal in np.unique(shift).tolist():
        here = shift == nominal
        top = mz[here][np.argmax(share[here])]
        merged = here & (np.abs(mz - top) <= top * merge_ppm * 1e-6)
        total = float(share[merged].sum())
        peaks[nominal] = (float(mz[merged] @ share[merged]) / total, total)
    return peaks


@lru_cache(maxsize=16384)
def _isotopologues(atoms: Atoms) -> _Masses:
    """Return mass (u, ascending) and share of the isotopologues of some atoms."""
    if len(atoms) <= 1:
        return _of_element(*(atoms[0] if atoms else ("H", 0)))
    return _joined(_isotopologues(atoms[:-1]), _of_element(*atoms[-1]))


@lru_cache(maxsize=4096)
def _of_element(symbol: str, number: int) -> _Masses:
    """Return mass and share of ``number`` atoms of an element, by halving."""
    if number <= 1:
        isotopes = [(0.0, 1.0)] if number == 0 else _isotopes(symbol)
        return np.array([mass for mass, _ in isotopes]), np.array([share for _, share in isotopes])
    half = _of_element(symbol, number // 2)
    both = _joined(half, half)
    return _joined(both, _of_element(symbol, 1)) if number % 2 else both


def _joined(first: _Masses, second: _Masses) -> _Masses:
    """Return every sum of two masses with the product of their shares; alike ones are one, rare ones dropped."""
    mass = np.add.outer(first[0], second[0]).ravel()
    share = np.multiply.outer(first[1], second[1]).ravel()
    kept = np.argsort(mass)
    kept = kept[share[kept] > _LEAST * share.max()]
    mass, share = mass[kept], share[kept]
    start = np.flatnonzero(np.diff(mass, prepend=-1.0) > _ALIKE)
    total = np.add.reduceat(share, start)
    return np.add.reduceat(mass * share, start) / total, total


@lru_cache(maxsize=256)
def _isotopes(symbol: str) -> tuple[tuple[float, float], ...]:
    """Return mass and abundance of the isotopes of an element, or of one isotope such as ``109Ag``."""
    from molmass import ELEMENTS

    name = symbol.lstrip("0123456789")
    number = symbol.removesuffix(name)
    try:
        isotopes: Iterable[tuple[int, float, float]] = [
            (key, float(isotope.mass), float(isotope.abundance)) for key, isotope in ELEMENTS[name].isotopes.items()
        ]
    except KeyError as error:
        raise RecipeError(f"expected chemical elements, found {name!r:.20}; mend the formula") from error
    if number:
        return tuple((mass, 1.0) for key, mass, _ in isotopes if key == int(number))
    return tuple(sorted((mass, abundance) for _, mass, abundance in isotopes if abundance > 0))


@lru_cache(maxsize=256)
def _monoisotopic(symbol: str) -> float:
    return max(_isotopes(symbol), key=lambda isotope: isotope[1])[0]
