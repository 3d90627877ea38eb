"""The molecules that an annotation looks for: a user's table of names and formulas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_metime.errors import RecipeError
from napari_metime.metabolites.isotopes import Atoms, ion_atoms
from napari_metime.metabolites.panel import FORMULA
from napari_metime.metabolites.tables import parse_rows, read_text

MAX_DATABASE_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class Molecule:
    """A formula, and every molecule of the table that has it: their ions cannot be told apart.

    Parameters
    ----------
    formula : as the first of them has it
    names, ids : of each; an id is ``""`` where the table has none
    """

    formula: str
    names: tuple[str, ...]
    ids: tuple[str, ...]


def read_database(path: Path) -> tuple[Molecule, ...]:
    """Read a table with the columns name, formula and, where there are ids, id; one molecule for each formula.

    Raises
    ------
    MissingFileError, RecipeError
        The table cannot be read, a name is empty, or a formula is none.
    """
    text = read_text(Path(path), what="a database", max_bytes=MAX_DATABASE_BYTES)
    rows = parse_rows(text, Path(path).name, needed=("name", "formula"))
    if not rows:
        raise RecipeError(f"{Path(path).name}: expected molecules below the header, found none; add a row")
    by_atoms: dict[Atoms, list[dict[str, str]]] = {}
    for number, row in rows:
        where = f"{Path(path).name}: row {number}"
        if not row["name"] or len(row["name"]) > 500 or not row["name"].isprintable():
            raise RecipeError(f"{where}: expected a name of 1 to 500 printable characters, found another; mend name")
        by_atoms.setdefault(atoms_of(row["formula"], where), []).append(row)
    return tuple(
        Molecule(
            members[0]["formula"],
            tuple(row["name"] for row in members),
            tuple(row.get("id", "") for row in members),
        )
        for members in by_atoms.values()
    )


def atoms_of(formula: str, where: str) -> Atoms:
    """Return the atoms of a formula, in one order however it is written.

    Raises
    ------
    RecipeError
        It is no formula of elements; ``where`` says which one.
    """
    from molmass import ELEMENTS

    atoms = ion_atoms(formula, "[M]+")[0] if FORMULA.fullmatch(formula) else ()
    if not atoms or any(symbol not in ELEMENTS for symbol, _ in atoms):
        raise RecipeError(f"{where}: expected a formula such as C3H6O3, found {formula!r:.60}; mend formula")
    return atoms
