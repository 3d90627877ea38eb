"""What METASPACE found in a dataset, from the table that its web page exports, matched to the ions of a panel."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from napari_metime.errors import RecipeError
from napari_metime.metabolites.adducts import adduct_named
from napari_metime.metabolites.database import atoms_of
from napari_metime.metabolites.isotopes import ion_atoms
from napari_metime.metabolites.panel import FORMULA, PanelIon
from napari_metime.metabolites.tables import parse_rows, read_text

MAX_METASPACE_BYTES = 100_000_000
_NUMBERS = {"mz": "mz", "msm": "msm", "fdr": "fdr", "rhoSpatial": "rho_spatial", "rhoSpectral": "rho_spectral",
            "rhoChaos": "rho_chaos"}  # fmt: skip


def read_metaspace(path: Path) -> pd.DataFrame:
    """Read the annotations of one dataset, as METASPACE's "Export to CSV" writes them.

    Ions that are no formula and adduct of ours (a chemical modification, an adduct that the panel knows none of) stay
    in the table with an empty adduct.

    Returns
    -------
    DataFrame
        One row an annotation: formula, adduct (as ``[M+H]+``), mz, msm, fdr, rho_spatial, rho_spectral, rho_chaos
        (NaN where the export has none), names.

    Raises
    ------
    MissingFileError, RecipeError
        The file cannot be read, lacks a column, is of several datasets, or has a wrong formula or number.
    """
    text = read_text(Path(path), what="annotations of METASPACE", max_bytes=MAX_METASPACE_BYTES)
    rows = parse_rows(text, Path(path).name, needed=("formula", "adduct", "fdr"))
    datasets = sorted({row.get("datasetId", "") for _, row in rows})
    if len(datasets) > 1:
        raise RecipeError(
            f"{Path(path).name}: expected annotations of one dataset of METASPACE, found {len(datasets)} "
            f"({', '.join(datasets)!s:.80}); filter by the dataset of this section and export again"
        )
    found = []
    for number, row in rows:
        where = f"{Path(path).name}: row {number}"
        atoms_of(row["formula"], where)
        numbers = {ours: _number(row.get(theirs, ""), f"{where}, {theirs}") for theirs, ours in _NUMBERS.items()}
        found.append(
            {"formula": row["formula"], "adduct": _adduct(row), **numbers, "names": row.get("moleculeNames", "")}
        )
    return pd.DataFrame(found, columns=["formula", "adduct", *_NUMBERS.values(), "names"])


def metaspace_fdr(table: pd.DataFrame, ions: Iterable[PanelIon]) -> Mapping[PanelIon, float]:
    """Return the false-discovery rate that METASPACE gives for each ion, the lowest where it lists one several times.

    Parameters
    ----------
    table : of ``read_metaspace``

    Returns
    -------
    mapping with the ions that are in the table; NaN where METASPACE gave no rate
    """
    rates: dict[object, float] = {}
    for formula, adduct, fdr in zip(table["formula"], table["adduct"], table["fdr"], strict=True):
        key = (ion_atoms(formula, "[M]+")[0], adduct)
        rates[key] = float(min(rates.get(key, math.nan), fdr, key=lambda rate: math.inf if math.isnan(rate) else rate))
    keys = {
        ion: (ion_atoms(ion.formula, "[M]+")[0], ion.adduct)
        for ion in ions
        if ion.adduct and FORMULA.fullmatch(ion.formula)
    }
    return {ion: rates[key] for ion, key in keys.items() if key in rates}


def _adduct(row: Mapping[str, str]) -> str:
    """Return the adduct as the panel writes it; the charge stands in METASPACE's name of the ion alone."""
    if row.get("chemMod"):
        return ""
    charge = row.get("ion", "")[-1:]
    return adduct_named(row["adduct"] + row.get("neutralLoss", "") + (charge if charge in ("+", "-") else "")) or ""


def _number(text: str, where: str) -> float:
    if not text:
        return math.nan
    try:
        number = float(text)
    except ValueError:
        number = math.inf
    if math.isinf(number):
        raise RecipeError(f"{where}: expected a number, found {text!r:.40}; export the table again")
    return number
