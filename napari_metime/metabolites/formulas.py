"""The ion that a text asks for: ``C3H6O3 [M-H]-``, ``C3H6O3``, ``89.0244``, ``L-Lactate`` or ``L-Lactate [M+Cl]-``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from napari_metime.errors import RecipeError
from napari_metime.metabolites.adducts import ADDUCTS, ion_mz
from napari_metime.metabolites.panel import FORMULA, PanelIon, formula_mass, is_of_polarity
from napari_metime.recipe import MAX_MZ

MAX_TEXT = 200
USUAL_ADDUCTS = {"negative": "[M-H]-", "positive": "[M+H]+"}
"""The adduct of a formula that stands alone, by the polarity of the file."""
_MZ = re.compile(r"\d{1,7}(?:\.\d{1,12})?")
_WITH_ADDUCT = re.compile(r"(?P<what>[^\[]*)(?P<adduct>\[[^\[\]]*\]\s*\d?\s*[+-])")
_NAMED = 3
"""Names that an error lists at most."""


@dataclass(frozen=True, slots=True)
class AskedIon:
    """An ion that was asked for by a text.

    Parameters
    ----------
    name : of the panel member; empty where none was named
    formula : of the neutral molecule; empty where it is not known
    adduct : a key of ADDUCTS; empty where only an m/z is known
    """

    mz: float
    name: str
    formula: str
    adduct: str


def parse_ion(text: str, panel: Sequence[PanelIon], polarity: str) -> AskedIon:
    """Read an m/z, a name of the panel or a formula, the last two with or without an adduct.

    A name may be the beginning of one, in any case, and without its ``L-``; the whole of a name goes before a formula,
    and a formula before the beginning of a name. Without an adduct a name stands for the ion that the panel prefers in
    the file's polarity, and a formula for ``[M-H]-`` or ``[M+H]+``.

    Parameters
    ----------
    polarity : of the file: ``positive``, ``negative``, ``mixed`` or ``unknown``; ions of the other polarity are refused

    Raises
    ------
    RecipeError
        The text is none of these, is the beginning of several names, or asks for what the file cannot hold.
    """
    plain = unicodedata.normalize("NFKC", text[: MAX_TEXT + 1]).replace("\N{MINUS SIGN}", "-").strip()
    if not plain or len(text) > MAX_TEXT or not plain.isprintable():
        raise RecipeError(
            f"expected an ion in up to {MAX_TEXT} characters, found {text!r:.40}; write one such as C3H6O3 [M-H]-"
        )
    if _MZ.fullmatch(plain):
        return _of_mz(float(plain), plain)
    parts = _WITH_ADDUCT.fullmatch(plain)
    what, adduct = (parts["what"].strip(), _known_adduct(parts["adduct"], polarity)) if parts else (plain, "")
    member = _members(what, panel, whole=True)
    if not member and FORMULA.fullmatch(what) and (mass := _mass_of(what)) is not None:
        return _of_formula(what, mass, adduct or _usual_adduct(polarity, what), "")
    member = member or _members(what, panel, whole=False)
    if not member:
        raise RecipeError(
            f"expected a name of the panel, a formula with an adduct such as C3H6O3 [M-H]-, or an m/z, "
            f"found {what!r:.60}; {_near(what, panel)}"
        )
    return _of_member(member, adduct, polarity)


def _of_mz(mz: float, text: str) -> AskedIon:
    if not 0 < mz <= MAX_MZ:
        raise RecipeError(f"expected an m/z above 0 and up to {MAX_MZ:,.0f}, found {text:.40}; write another")
    return AskedIon(mz, "", "", "")


def _of_formula(formula: str, mass: float, adduct: str, name: str) -> AskedIon:
    mz = ion_mz(mass, adduct)
    if mz <= 0:
        raise RecipeError(f"expected a formula that can lose what {adduct} takes, found {formula:.60}; write another")
    return AskedIon(mz, name, formula, adduct)


def _of_member(member: Sequence[PanelIon], adduct: str, polarity: str) -> AskedIon:
    """Return the ion of a member with this adduct; without one that which the panel prefers in the polarity."""
    first = member[0]
    if first.polarity == "elemental":
        raise RecipeError(
            f"expected a molecule, found {first.name}, an element, which a mass spectrum of molecules does not show; "
            "add its registered image to channels.images"
        )
    if adduct:
        if not first.formula:
            raise RecipeError(f"expected no adduct, found {adduct}: the panel has no formula of {first.name}; drop it")
        return _of_formula(first.formula, formula_mass(first.formula), adduct, first.name)
    ion = next((ion for ion in member if polarity == "unknown" or is_of_polarity(ion, polarity)), None)
    if ion is None:
        raise RecipeError(
            f"expected an ion that a {polarity} file can show, found {first.name}, which the panel has in "
            f"{first.polarity} mode only; add an adduct to ask all the same"
        )
    return AskedIon(ion.mz, ion.name, ion.formula, ion.adduct)


def _known_adduct(text: str, polarity: str) -> str:
    adduct = re.sub(r"\s", "", text)
    if adduct not in ADDUCTS:
        raise RecipeError(f"expected an adduct among {' '.join(ADDUCTS)}, found {adduct:.40}; write one of these")
    if polarity in USUAL_ADDUCTS and ADDUCTS[adduct].polarity != polarity:
        raise RecipeError(
            f"expected an adduct of a {polarity} file, found {adduct}; write one such as {USUAL_ADDUCTS[polarity]}"
        )
    return adduct


def _usual_adduct(polarity: str, formula: str) -> str:
    if polarity not in USUAL_ADDUCTS:
        raise RecipeError(
            f"expected an adduct, as the polarity of this file is {polarity}, found {formula:.60} alone; "
            f"add one, for example {formula:.60} [M-H]-"
        )
    return USUAL_ADDUCTS[polarity]


def _mass_of(formula: str) -> float | None:
    try:
        return formula_mass(formula)
    except RecipeError:
        return None  # letters and digits that are no elements may still begin a name


def _members(text: str, panel: Sequence[PanelIon], *, whole: bool) -> list[PanelIon]:
    """Return the ions of the one member of this name, or with this beginning; none where there is none."""
    asked = _folded(text)
    if not asked:
        return []
    names = dict.fromkeys(ion.name for ion in panel)
    found = [name for name in names if name.casefold() == text.casefold()] or [
        name for name in names if (_folded(name) == asked if whole else _folded(name).startswith(asked))
    ]
    if len(found) > 1:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise RecipeError(
            f"expected the beginning of one name, found {text!r:.60}, with which several begin: "
            f"{', '.join(found[:_NAMED])}{more}; write more of it"
        )
    return [ion for ion in panel if ion.name in found]


def _near(text: str, panel: Sequence[PanelIon]) -> str:
    """Name what holds the text somewhere in its name."""
    found = [name for name in dict.fromkeys(ion.name for ion in panel) if text.casefold() in name.casefold()][:_NAMED]
    return f"did you mean {' or '.join(found)}?" if found else "mend it"


def _folded(name: str) -> str:
    return " ".join(name.casefold().split()).removeprefix("l-")
