"""The panel: which metabolites to look for, and at which m/z.

``panel.csv`` beside this file is the built-in one, written by ``tools/build_panel.py``; a user's file has the same
columns. A row needs a name and either formula and adducts (the m/z is then computed) or mz and polarity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from napari_metime.errors import RecipeError
from napari_metime.metabolites.adducts import ADDUCTS, ion_mz
from napari_metime.metabolites.tables import Row, parse_rows, read_text
from napari_metime.recipe import ChannelsRecipe, is_path

MAX_PANEL_BYTES = 5_000_000
MASS_TOLERANCE = 0.0002
# Element symbols and counts only: neither groups nor isotopes (D, T), and no count that takes long to work out.
FORMULA = re.compile(r"(?:(?![DT](?![a-z]))[A-Z][a-z]?\d{0,4}){1,30}")
EXTENSION = "our extension"
"""Origin of what the review does not name."""
TEXTS = ("hmdb_id", "chebi_id", "inchikey", "in_source", "matrix_conflicts", "caveat")

Polarity = Literal["positive", "negative", "elemental"]


@dataclass(frozen=True, slots=True)
class PanelIon:
    """One ion of a panel member.

    Parameters
    ----------
    name : of the member; the name of its channel
    polarity : ``elemental`` for elements, which are imported as images and never taken from a mass spectrum
    rank : place in the member's order of preference, from 0
    secondary_axes : axes that it belongs to as well
    pathway_sign : 1 where more of it is more activity of its axis, -1 where less of it is
    review_sign : 1, -1 where the review ties more, or less, of it to immune suppression; 0 where it does not say
    origin : ``the review`` where that names the member or its class, else ``our extension``
    in_source, matrix_conflicts, caveat : what the panel says of its traps
    """

    name: str
    formula: str
    axis: str
    adduct: str
    polarity: Polarity
    mz: float
    rank: int
    secondary_axes: tuple[str, ...] = ()
    pathway_sign: Literal[-1, 1] = 1
    review_sign: Literal[-1, 0, 1] = 0
    origin: str = EXTENSION
    hmdb_id: str = ""
    chebi_id: str = ""
    inchikey: str = ""
    in_source: str = ""
    matrix_conflicts: str = ""
    caveat: str = ""


def panel_of(channels: ChannelsRecipe) -> tuple[PanelIon, ...]:
    """Read the panel that a recipe names, with what it is extended by; nothing where it names neither.

    Raises
    ------
    MissingFileError, RecipeError
        As ``read_panel``.
    """
    if channels.panel:
        path = Path(channels.panel) if is_path("channels", "panel", channels.panel) else None
        return read_panel(path, extend=channels.extend)
    return () if channels.extend is None else read_panel(channels.extend)


def read_panel(path: Path | None, *, extend: Path | None = None) -> tuple[PanelIon, ...]:
    """Read a panel, the built-in one for None: every ion, member after member, preferred ones first.

    Parameters
    ----------
    extend : a table of further members, which come after those of the panel

    Raises
    ------
    MissingFileError
        There is no such file, or it cannot be read.
    RecipeError
        A column is missing, a name is empty or doubled, a formula, adduct, m/z, polarity or sign is wrong.
    """
    tables = [_table(path)] + ([] if extend is None else [_table(extend)])
    seen: dict[str, str] = {}
    for source, rows in tables:
        for number, row in rows:
            place = f"row {number} of {source}"
            first = seen.setdefault(row["name"], place)
            if first != place:
                raise RecipeError(
                    f"{source}: expected each name once, found {row['name']!r:.60} in {first} and {place}; rename one"
                )
    return tuple(
        ion
        for source, rows in tables
        for number, row in rows
        for ion in _ions(row, f"{source}: row {number} ({row['name']!r:.60})")
    )


def _table(path: Path | None) -> tuple[str, list[Row]]:
    """Return the name of a table and its rows with their numbers; of the built-in one for None."""
    if path is None:
        text, source = files(__package__).joinpath("panel.csv").read_text(encoding="utf-8"), "panel.csv"
    else:
        remedy = "check channels.panel and channels.extend"
        text = read_text(Path(path), what="a panel", max_bytes=MAX_PANEL_BYTES, remedy=remedy)
        source = Path(path).name
    rows = parse_rows(text, source, needed=("name",))
    if not rows:
        raise RecipeError(f"{source}: expected metabolites below the header, found none; add a row")
    return source, rows


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


def _ions(row: Mapping[str, str], where: str) -> list[PanelIon]:
    name, axis, formula = row["name"], row.get("axis", ""), row.get("formula", "")
    if not name or len(name) > 120 or not name.isprintable():
        raise RecipeError(f"{where}: expected a name of 1 to 120 printable characters, found another; mend the name")
    about = _about(row, where)
    if not (formula and row.get("adducts")):
        mz = _stated_mz(row, where)
        return [PanelIon(name, formula, axis, "", _stated_polarity(row, where), mz, 0, **about)]
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
        ions.append(PanelIon(name, formula, axis, adduct, polarity, mz, rank, **about))
    return ions


def _about(row: Mapping[str, str], where: str) -> dict[str, Any]:
    """Return what a row says of a member beside its ions."""
    return {
        "secondary_axes": tuple(part.strip() for part in row.get("secondary_axes", "").split(";") if part.strip()),
        "pathway_sign": _sign(row, "pathway_sign", ("-1", "1"), 1, where),
        "review_sign": _sign(row, "review_sign", ("-1", "0", "1"), 0, where),
        "origin": row.get("origin") or EXTENSION,
        **{key: row.get(key, "") for key in TEXTS},
    }


def _sign(row: Mapping[str, str], key: str, allowed: Sequence[str], default: int, where: str) -> int:
    stated = row.get(key, "").removeprefix("+")
    if stated and stated not in allowed:
        raise RecipeError(f"{where}: expected {key} {' or '.join(allowed)}, found {row[key]!r:.40}; mend {key}")
    return int(stated) if stated else default


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


def formula_mass(formula: str) -> float:
    """Return the monoisotopic mass of a formula in u.

    Raises
    ------
    RecipeError
        It is no formula of elements and counts.
    """
    from molmass import Formula, FormulaError

    if not FORMULA.fullmatch(formula):
        raise RecipeError(f"expected a formula such as C3H6O3, found {formula!r:.60}; mend formula")
    try:
        # As elements only: it would take GSH for a peptide, and Me for a group.
        return float(Formula(formula, parse_groups=False, parse_oligos=False).monoisotopic_mass)
    except FormulaError as error:
        raise RecipeError(f"expected a formula of elements, found {formula!r:.60}; mend formula") from error


def _monoisotopic_mass(formula: str, stated: str, where: str) -> float:
    """Return the mass of the formula in u; a mass that the row states must agree with it."""
    try:
        mass = formula_mass(formula)
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from error
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
