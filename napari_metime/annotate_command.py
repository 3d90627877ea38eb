"""`napari-metime annotate`: the molecules of a database that a file holds, with their false-discovery rate."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_metime.errors import UsageError
from napari_metime.terminal import progress_bar, tell_warnings

if TYPE_CHECKING:
    import pandas as pd

    from napari_metime.section import Dataset, Progress

DEFAULT_ADDUCTS = {"positive": "+H,+Na,+K", "negative": "-H,+Cl"}
"""Of each polarity, as METASPACE has them."""
DEFAULT_PPM = 3.0
"""As METASPACE has it."""
MAX_PPM = 1000.0
FEW_ANNOTATIONS = 10
"""Sections in which nothing of the database was planted gave fewer (docs/annotation.md)."""

Add = Callable[[str, Callable[[argparse.Namespace], None]], argparse.ArgumentParser]
Open = Callable[[argparse.Namespace, "Progress"], "Dataset"]


def add_annotate(add: Add, open_file: Open) -> None:
    """Add the command; ``open_file`` opens the imzML that its options name."""

    def command(options: argparse.Namespace) -> None:
        """Look for the molecules of a database and write each ion's score and false-discovery rate."""
        _annotate(options, open_file)

    added = add("annotate", command)
    columns = "table with the columns name, formula and, if any, id"
    added.add_argument("--database", type=Path, required=True, metavar="DB.csv", help=columns)
    adducts = "such as M-H,M+Cl or +H,+Na,+K, which are those of a file by its polarity where none are named"
    added.add_argument("--adducts", metavar="LIST", help=adducts)
    width = f"half width of the windows in ppm; else {DEFAULT_PPM:g}"
    added.add_argument("--ppm", type=float, default=DEFAULT_PPM, metavar="P", help=width)
    added.add_argument("-o", dest="output", type=Path, required=True, metavar="OUT.csv", help="table to write")


def _annotate(options: argparse.Namespace, open_file: Open) -> None:
    from napari_metime.annotating import annotate
    from napari_metime.export.tables import write_table
    from napari_metime.metabolites.database import read_database
    from napari_metime.replacing import replaced_file

    if options.output.suffix.lower() != ".csv":
        raise UsageError(f"expected a name that ends in .csv, found {options.output.name}; change -o")
    if options.output.resolve() == options.database.resolve():
        raise UsageError(f"expected another file than the database to write, found {options.output}; change -o")
    if not 0 < options.ppm <= MAX_PPM:
        raise UsageError(f"expected --ppm above 0 and up to {MAX_PPM:g}, found {options.ppm:g}; change it")
    database = read_database(options.database)
    # The new file is begun first: a place that cannot be written is told before the long work.
    with replaced_file(options.output) as path, progress_bar() as on_progress:
        dataset = open_file(options, lambda d, t: on_progress(0.2 * d, t))
        table = annotate(
            dataset,
            database,
            adducts_for(dataset, options.adducts),
            options.ppm,
            on_progress=lambda d, t: on_progress(0.2 + 0.8 * d, t),
        )
        write_table(table, path)
    tell_warnings(dataset.warnings)
    _tell(table, dataset.mz_range)


def adducts_for(dataset: Dataset, text: str | None) -> tuple[str, ...]:
    """Return the adducts that are asked for, or those usual for the file's polarity, as keys of ``ADDUCTS``.

    Raises
    ------
    UsageError
        One is unknown, stands twice, or is of another polarity than the file.
    """
    from napari_metime.metabolites.adducts import ADDUCTS, adduct_named

    if text is None and dataset.polarity not in DEFAULT_ADDUCTS:
        raise UsageError(f"expected a file of one polarity, found {dataset.polarity}; name the ions with --adducts")
    spelled = (DEFAULT_ADDUCTS[dataset.polarity] if text is None else text).split(",")
    adducts = [adduct_named(word) for word in spelled]
    unknown = [word for word, adduct in zip(spelled, adducts, strict=True) if adduct is None]
    if unknown:
        raise UsageError(f"expected adducts among {' '.join(ADDUCTS)}, found {unknown[0]!r:.40}; mend --adducts")
    known = tuple(adduct for adduct in adducts if adduct is not None)
    polarities = {ADDUCTS[adduct].polarity for adduct in known}
    fits = len(polarities) == 1 and (dataset.polarity not in DEFAULT_ADDUCTS or polarities == {dataset.polarity})
    if not fits or len(set(known)) < len(known):
        raise UsageError(
            f"expected different adducts of one polarity, that of the file ({dataset.polarity}), found "
            f"{' '.join(known)}; mend --adducts"
        )
    return known


def _tell(table: pd.DataFrame, mz_range: tuple[float, float]) -> None:
    from napari_metime.export.words import plural
    from napari_metime.metabolites.decoys import FDR_LEVELS

    low, high = mz_range
    n_outside = int((~table["mz"].between(low, high)).sum())
    outside = f", {n_outside} of them out of the file's range (m/z {low:.4f} to {high:.4f})" if n_outside else ""
    formulas, ions = plural(table["formula"].nunique(), "formula"), plural(len(table), "ion")
    print(f"{formulas}, {ions}{outside}; annotated at a false-discovery rate of")
    for level in FDR_LEVELS:
        called = table[table["fdr"] <= level]
        found = f"{plural(len(called), 'ion')} of {plural(called['formula'].nunique(), 'formula')}"
        print(f"  {100 * level:3.0f} %: {found}")
    n_called = int((table["fdr"] <= 0.2).sum())
    if 0 < n_called < FEW_ANNOTATIONS:
        tell_warnings((f"Fewer than {FEW_ANNOTATIONS} ions annotated at 20 %: a rate of so few says little.",))
