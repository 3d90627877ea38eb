"""What a cell type counts as: by the recipe's lists, or proposed from its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from napari_metime.cells.columns import quoted_names
from napari_metime.errors import CellTableError
from napari_metime.section import ROLES, Role

NO_RULE = "no rule for its name"
_NAMELESS = re.compile(
    r"(?:all[-_ ])?others?|unknown|neg(?:ative)?|un(?:classified|assigned|defined|determined|identified|labell?ed)"
    r"|indeterminate|none|null|n/?a|nan|rest|misc(?:ellaneous)?"
)
"""Names that programs give to cells that are of none of the types; the whole name, with "cells" or without."""
_MARKER = r"(?:[a-z]+\d+[a-z]?|(?!pan-)[a-z]{3,})"
# What a name says to be absent or beside proposes nothing: CD8-, CD3+CD8-CD4+, CD8neg, CD8: Negative, non-malignant,
# normal epithelium. A hyphen before another word is none of that: CD8-T, CD8-positive, pan-CK.
_ABSENT = re.compile(
    r"[a-z]+\d*[a-z]?-(?=$|[^a-z0-9])"
    rf"|{_MARKER}-(?=[a-z]+\d*[a-z]*[-+])"
    r"|[a-z]+\d*[a-z]?[-_ ]?\(?neg(?:ative)?\b|[a-z]+\d+[a-z]?:[ ]?neg(?:ative)?\b|\bnegative for [a-z]+\d*[a-z]?"
    r"|cd4\W*cd8\W*double[-_ ]?neg\w*"
    r"|\bnon[-_ ]?[a-z]+\d*|\b(?:not|no|without)[-_ ][a-z]+\d*[a-z]?|\b(?:normal|benign|healthy)[-_ ][a-z]+"
)
# In this order. Suppressors first: FOXP3 on a CD8 cell makes it regulatory. Other immune and stromal cells before the
# tumour, in which they lie: "Tumor: CD3", tumour-associated macrophages, cancer-associated fibroblasts.
_RULES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    (
        "suppressor",
        re.compile(
            r"treg|(?<![a-z])t[-_ ]regs?(?![a-z])|regulatory[-_ ]t|fox-?p3|mdsc|suppress(?:or|ive)"
            r"|cd163|cd206|mrc1|(?<![a-z0-9])m2(?!\d)"
        ),
    ),
    (
        "effector",
        re.compile(
            r"cd8(?!\d)|cytotoxic|gzm[ab]|granzyme|perforin|prf1|(?<![a-z])ctls?(?![a-z])"
            r"|natural[-_ ]killer|(?<![a-z0-9])nkt?(?![a-z0-9])|nk1\.1|nkp46|cd56(?!\d)"
        ),
    ),
    (
        "other",
        re.compile(
            r"cd(?:3|4|11[bc]|14|19|20|31|45|68)(?!\d)|(?<![a-z])[tb][-_ ]?(?:cells?|lymph)|lymphocyte|leu[ck]ocyte"
            r"|immune|macrophage|monocyte|myeloid|dendritic|neutrophil|fibroblast|endotheli|stroma(?![a-z])|(?<![a-z])a?sma"
        ),
    ),
    (
        "tumor",
        re.compile(
            r"(?<!peri)(?<!peri-)(?:tumou?r|cancer)(?![-_ ](?:associated|infiltrating|adjacent|stroma|margin))"
            r"|carcinoma|malignan|neoplas|melanoma|melan-?a(?![a-z])|sox10"
            r"|pan[-_ ]?(?:ck|cyto)|(?<![a-z0-9])ck\d*(?![a-z])|keratin(?!ocyte)|(?<![a-z])krt\d|(?<![a-z0-9])ae1(?!\d)"
            r"|(?<![a-z])e-?cad(?:herin)?|ep-?cam|epitheli"
        ),
    ),
)


def propose_roles(types: Iterable[str]) -> dict[str, Role]:
    """Propose a role for each cell type from the markers and words in its name; a person confirms it.

    Notes
    -----
    Suppressor: Treg, FOXP3, MDSC, M2, CD163, CD206. Effector: CD8, cytotoxic, granzymes, perforin, NK, CD56. Tumor:
    tumour, cancer, carcinoma, malignant, cytokeratins, E-cadherin, EpCAM, epithelial. Other: all else, and unassigned.
    A compound class of QuPath is read as a whole, and in this order: a marker of an immune cell says more than the
    class it was derived from, which often is the compartment. So ``Tumor: CD8`` is an effector in the tumour,
    ``Stroma: FOXP3`` a suppressor, ``Tumor: CD3`` other, but ``Tumor: Ki67`` and ``Tumor: Negative`` are tumor.
    """
    return {name: _proposal(name)[0] for name in types}


def explain_roles(types: Iterable[str]) -> dict[str, str]:
    """Say in a few words why ``propose_roles`` proposes what it does."""
    return {name: _proposal(name)[1] for name in types}


def _proposal(name: str) -> tuple[Role, str]:
    text = re.sub("[\N{MINUS SIGN}\N{EN DASH}]", "-", name.lower())
    found = _first_rule(_ABSENT.sub(" ", text))
    if found is not None:
        return found[0], f"its name holds {found[1]!r}"
    whole = re.sub(r"[-_ ]*cells?$", "", text.strip(" ()<>[]"))
    if _NAMELESS.fullmatch(whole):
        return "other", f"its name says {whole!r}"
    absent = (match[0] for match in _ABSENT.finditer(text) if _first_rule(match[0]))
    told = next(absent, None)
    return "other", f"its name says {told!r}" if told else NO_RULE


def _first_rule(text: str) -> tuple[Role, str] | None:
    matches = ((role, pattern.search(text)) for role, pattern in _RULES)
    return next(((role, match[0]) for role, match in matches if match), None)


def match_roles(
    counts: Mapping[str, int], roles: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Role], tuple[str, ...]]:
    """Return the role of each listed type, and a warning for each role that lists types which do not occur.

    Parameters
    ----------
    counts : the types of the table with their number of cells, frequent ones first
    roles : the types that count as each role, compared without outer blanks; a compound class such as ``Tumor: CD8``
        is a type of its own, which neither ``Tumor`` nor ``CD8`` stands for

    Raises
    ------
    CellTableError
        None of the listed types occurs.
    """
    role_of: dict[str, Role] = {name.strip(): role for role in ROLES for name in roles.get(role, ())}
    if role_of and not role_of.keys() & counts.keys():
        raise CellTableError(
            f"expected cells of the types in cells.roles ({quoted_names(list(role_of))}), found none; "
            f"the table has {quoted_names(list(counts)) or 'no types'}"
        )
    unmatched = {role: [name for name in role_of if role_of[name] == role and name not in counts] for role in ROLES}
    return role_of, tuple(
        f"no cell is of type {quoted_names(names)}, listed as {role} in cells.roles{_compounds(names, counts, role_of)}"
        for role, names in unmatched.items()
        if names
    )


def _compounds(names: Sequence[str], counts: Mapping[str, int], role_of: Mapping[str, Role]) -> str:
    """Name the compound classes without a role that have a missing type as a part: ``Tumor: CD8`` for ``CD8``."""
    parts = {name: {part.strip() for part in name.split(":")} for name in counts if ":" in name}
    near = [name for name, of_name in parts.items() if name not in role_of and of_name.intersection(names)]
    return f"; list {quoted_names(near)} too, if meant" if near else ""
