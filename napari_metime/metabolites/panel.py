"""The panel: which metabolites to look for, and at which m/z.

``panel.csv`` beside this file is the built-in one; a user's file has the same columns. A row needs a
name and either formula and adducts (the m/z is then computed) or mz and polarity.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from napari_metime.errors import MissingFileError, RecipeError
from napari_metime.metabolites.adducts import ADDUCTS, ion_mz

MAX_PANEL_BYTES = 5_000_000
MASS_TOLERANCE = 0.0002
# Element symbols and counts only: neither groups nor isotopes, and no count that takes long to work out.
FORMULA = re.compile(r"(?:[A-Z][a-z]?\d{0,4}){1,30}")


Polarity = Literal["positive", "negative", "elemental"]


@dataclass(frozen=True, slots=True)
class PanelIon:
    """One ion of a panel member.

    Parameters
    ----------
    name : of the member; the name of its channel
    polarity : ``elemental`` for elements, which are imported as images and never taken from a mass spectrum
    rank : place in the member's order of preference, from 0
    """

    name: str
    formula: str
    axis: str
    adduct: str
    polarity: Polarity
    mz: float
    rank: int


def read_panel(path: Path | None) -> tuple[PanelIon, ...]:
    """Read a panel, the built-in one for None: every ion, member after member, preferred ones first.

    Raises
    ------
    MissingFileError
        There is no such file, or it cannot be read.
    RecipeError
        A column is missing, a name is empty or doubled, a formula, adduct, m/z or polarity is wrong.
    """
    if path is None:
        text, source = files(__package__).joinpath("panel.csv").read_text(encoding="utf-8"), "panel.csv"
    else:
        text, source = _read_text(Path(path)), Path(path).name
    rows = _rows(text, source)
    seen: dict[str, int] = {}
    for number, row in rows:
        first = seen.setdefault(row["name"], number)
        if first != number:
            raise RecipeError(
                f"{source}: expected each name once, found {row['name']!r} in rows {first} and {number}; rename one"
            )
    return tuple(ion for number, row in rows for ion in _ions(row, f"{source}: row {number} ({row['name']!r:.60})"))


def measurable_ions(
    panel: Sequence[PanelIon], *, polarity: str, mz_range: tuple[float, float], tolerance_ppm: float
) -> tuple[PanelIon, ...]:
    """Return the ions that a file can show: of its polarity, with an m/z window that meets its m/z range.

    Parameters
    ----------
    polarity : ``positive``, ``negative``, ``mixed`` (both) or ``unknown`` (then none is measurable)
    mz_range : (low, high) of the file
    """
    return tuple(
        ion
        for ion in panel
        if is_of_polarity(ion, polarity) and is_in_range(ion, mz_range=mz_range, tolerance_ppm=tolerance_ppm)
    )


def is_of_polarity(ion: PanelIon, polarity: str) -> bool:
    """Whether a file of this polarity shows the ion, its range aside."""
    return ion.polarity == polarity or (polarity == "mixed" and ion.polarity != "elemental")


def is_in_range(ion: PanelIon, *, mz_range: tuple[float, float], tolerance_ppm: float) -> bool:
    """Whether the ion's m/z window meets the m/z range of a file."""
    half_width = ion.mz * tolerance_ppm * 1e-6
    return ion.mz + half_width >= mz_range[0] and ion.mz - half_width <= mz_range[1]


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_PANEL_BYTES:
            raise RecipeError(f"{path.name}: expected a panel of at most 5 MB, found more; check channels.panel")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path.name}: expected a panel in UTF-8, found other bytes; save it as CSV UTF-8") from error
    except OSError as error:
        raise MissingFileError(
            f"expected a panel at {path}, found {error.strerror or error}; check channels.panel"
        ) from error


def _rows(text: str, source: str) -> list[tuple[int, dict[str, str]]]:
    """Return each row by column, without outer blanks, with its number (the header is row 1)."""
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    try:
        header, *rows = [
            [cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter)
        ] or [[]]
    except csv.Error as error:
        raise RecipeError(f"{source}: expected a table of metabolites, found {error}; save it as CSV again") from error
    if "name" not in header or len(set(header)) < len(header):
        raise RecipeError(
            f"{source}: expected a header with 'name' and each column once, found "
            f"{','.join(header)!r:.80}; mend the header"
        )
    found = [(number, row) for number, row in enumerate(rows, start=2) if any(row)]
    if not found:
        raise RecipeError(f"{source}: expected metabolites below the header, found none; add a row")
    for number, row in found:
        if len(row) != len(header):
            raise RecipeError(
                f"{source}: expected {len(header)} fields in row {number}, found {len(row)}; quote texts that hold "
                f"{delimiter!r}"
            )
    return [(number, dict(zip(header, row, strict=True))) for number, row in found]


def _ions(row: Mapping[str, str], where: str) -> list[PanelIon]:
    name, axis, formula = row["name"], row.get("axis", ""), row.get("formula", "")
    if not name or len(name) > 120 or not name.isprintable():
        raise RecipeError(f"{where}: expected a name of 1 to 120 printable characters, found another; mend the name")
    if not (formula and row.get("adducts")):
        mz = _stated_mz(row, where)
        return [PanelIon(name, formula, axis, "", _stated_polarity(row, where), mz, 0)]
    mass = _monoisotopic_mass(formula, row.get("monoisotopic_mass", ""), where)
    is_elemental = row.get("preferred_polarity") == "elemental"
    ions = []
    for rank, adduct in enumerate(part.strip() for part in row["adducts"].split(";")):
        if adduct not in ADDUCTS:
            raise RecipeError(
                f"{where}: expected adducts among {' '.join(ADDUCTS)}, found {adduct!r:.40}; mend adducts"
            )
        mz = ion_mz(mass, adduct)
        if mz <= 0:
            raise RecipeError(
                f"{where}: expected a formula that can lose what {adduct} takes, found {formula}; mend it"
            )
        polarity: Polarity = "elemental" if is_elemental else ADDUCTS[adduct].polarity
        ions.append(PanelIon(name, formula, axis, adduct, polarity, mz, rank))
    return ions


def _stated_mz(row: Mapping[str, str], where: str) -> float:
    stated = row.get("mz", "")
    if not stated:
        raise RecipeError(f"{where}: expected formula and adducts, or mz and polarity, found neither; fill in one pair")
    try:
        mz = float(stated)
    except ValueError:
        mz = float("nan")
    if not 0 < mz < 1e6:
        raise RecipeError(f"{where}: expected an m/z above 0, found {stated!r:.40}; mend mz")
    return mz


def _stated_polarity(row: Mapping[str, str], where: str) -> Polarity:
    match row.get("polarity", ""):
        case "positive" | "negative" as polarity:
            return polarity
        case other:
            raise RecipeError(f"{where}: expected polarity positive or negative, found {other!r:.40}; mend polarity")


def _monoisotopic_mass(formula: str, stated: str, where: str) -> float:
    """Return the mass of the formula in u; a mass that the row states must agree with it."""
    from molmass import Formula, FormulaError

    if not FORMULA.fullmatch(formula):
        raise RecipeError(f"{where}: expected a formula such as C3H6O3, found {formula!r:.60}; mend formula")
    try:
        mass = float(Formula(formula).monoisotopic_mass)
    except FormulaError as error:
        raise RecipeError(f"{where}: expected a formula of elements, found {formula!r:.60}; mend formula") from error
    try:
        agrees = not stated or abs(float(stated) - mass) <= MASS_TOLERANCE
    except ValueError:
        agrees = False
    if not agrees:
        raise RecipeError(
            f"{where}: expected monoisotopic_mass {mass:.6f} for {formula}, found {stated!r:.40}; "
            "mend it or leave it empty"
        )
    return mass
