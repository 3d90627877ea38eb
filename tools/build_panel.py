"""Build the panel's table from a table of facts, and check every mass in it.

    python tools/build_panel.py FACTS.csv

writes napari_metime/metabolites/panel.csv. Each monoisotopic mass and each m/z that the facts state is worked out anew
from the formula (by molmass, and by pyteomics where that is installed); one that differs by more than 0.0002 is
printed, and nothing is written.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from molmass import Formula

try:
    from pyteomics.mass import calculate_mass
except ImportError:
    calculate_mass = None

from napari_metime.metabolites.adducts import ADDUCTS, ion_mz

PANEL = Path(__file__).parent.parent / "napari_metime" / "metabolites" / "panel.csv"
TOLERANCE = 0.0002
POLARITIES = {"neg": "negative", "pos": "positive", "both": "both", "elemental": "elemental"}
DEPLETED = "substrate depleted"
# Facts of class "class" whose pathway, product or role alone the review names, told apart by the words of their basis.
NAMED_APART = {
    "[FAO, not acylcarnitine, named]": "the review speaks of fatty acid oxidation, not of acylcarnitines",
    "tricarboxylic acid (TCA) cycle": "the review speaks of the TCA cycle, not of its acids",
    "[PUFA-PE not named]": "the review speaks of lipid peroxides, not of what they form from",
}
AXES = {"FAO": "lipid_FAO", "eicosanoid": "lipid_eicosanoid", "energy": "energy_adenosine"}
"""Ids of the axes that the facts call by shorter names, as secondary ones."""
IN_CONTEXT = "the review speaks of its surroundings, not of it"
CALCULATORS: dict[str, Callable[[str], float]] = {"molmass": lambda f: float(Formula(f).monoisotopic_mass)}
if calculate_mass is not None:
    CALCULATORS["pyteomics"] = lambda f: float(calculate_mass(formula=f))
COLUMNS = (
    "name", "formula", "axis", "secondary_axes", "pathway_sign", "review_sign", "named_in_review", "origin",
    "review_sections", "adducts", "preferred_polarity", "monoisotopic_mass", "hmdb_id", "chebi_id", "inchikey",
    "in_source", "matrix_conflicts", "caveat",
)  # fmt: skip


def main(facts_path: Path) -> int:
    """Build the table; return 1 and write nothing where a mass is wrong."""
    with facts_path.open(encoding="utf-8", newline="") as file:
        facts = list(csv.DictReader(file))
    wrong = [fault for row in facts for fault in faults(row)]
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    with PANEL.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(panel_row, facts))
    print(f"{len(facts)} metabolites written to {PANEL.name}, masses by {' and '.join(CALCULATORS)}")
    return 0


def faults(row: Mapping[str, str]) -> list[str]:
    """Return a line for each stated mass that a calculator does not get from the formula."""
    return [fault for name in CALCULATORS for fault in _faults(row, name)]


def _faults(row: Mapping[str, str], calculator: str) -> list[str]:
    mass = CALCULATORS[calculator](row["formula"])
    computed = {"monoisotopic_mass": mass}
    if row["preferred_polarity"] != "elemental":
        computed |= {f"mz_{adduct}": ion_mz(mass, adduct) for adduct in ADDUCTS}
    return [
        f"{row['name']}: {column} is stated as {row[column]}, {row['formula']} gives {value:.4f} ({calculator})"
        for column, value in computed.items()
        if row.get(column) and abs(float(row[column]) - value) > TOLERANCE
    ]


def origin(row: Mapping[str, str]) -> tuple[str, str]:
    """Return where a member is from, and what the review speaks of instead where it names something near to it.

    The review: it names the metabolite, or its class (phospholipids, prostaglandins). Where it names only a pathway or
    the surroundings, taking this metabolite for it is our extension.
    """
    named = row["named_in_review"]
    instead = [text for basis, text in NAMED_APART.items() if named == "class" and basis in row["review_basis_quote"]]
    if named == "context":
        instead = [IN_CONTEXT]
    return "the review" if named in ("yes", "class") and not instead else "our extension", "".join(instead)


def panel_row(row: Mapping[str, str]) -> dict[str, str]:
    """Return a row of the panel."""
    named, (source, instead) = row["named_in_review"], origin(row)
    return {
        "name": row["name"],
        "formula": row["formula"],
        "axis": row["axis"],
        "secondary_axes": ";".join(AXES.get(axis, axis) for axis in row["secondary_axes"].split(";")),
        "pathway_sign": "-1" if row["role"] == DEPLETED else "1",
        "review_sign": str(int(row["review_sign"])),
        "named_in_review": named,
        "origin": source,
        "review_sections": row["seed_section"] if named != "no" else "",
        "adducts": _adducts(row),
        "preferred_polarity": POLARITIES[row["preferred_polarity"]],
        "monoisotopic_mass": row["monoisotopic_mass"],
        "hmdb_id": row["hmdb_id"],
        "chebi_id": row["chebi_id"],
        "inchikey": row["inchikey"],
        "in_source": row["in_source_sources_in_panel"],
        "matrix_conflicts": row["matrix_ion_collisions_5ppm"],
        "caveat": "; ".join(part for part in (instead, row["caveat"]) if part),
    }


def _adducts(row: Mapping[str, str]) -> str:
    """The usual adducts that the formula can form, those of the preferred polarity first."""
    preferred = POLARITIES[row["preferred_polarity"]]
    if preferred == "elemental":
        return "[M]+"
    usual = [part.strip() for part in row["usual_adducts"].split(";")]
    if "O" not in re.findall(r"[A-Z][a-z]?", row["formula"]):  # a hydrocarbon has no water to lose
        usual = [adduct for adduct in usual if "H2O" not in adduct]
    if preferred != "both":
        usual.sort(key=lambda adduct: ADDUCTS[adduct].polarity != preferred)
    return ";".join(usual)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/build_panel.py FACTS.csv")
    sys.exit(main(Path(sys.argv[1])))
