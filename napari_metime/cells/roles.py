"""What a cell type counts as: by the recipe's lists, or proposed from its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from napari_metime.cells.columns import quoted_names
from napari_metime.errors import CellTableError
from napari_metime.section import ROLES, Role

# A marker that is said to be absent proposes nothing: CD8-, CD8neg, CD8 negative.
_ABSENT = re.compile(r"[a-z]+\d*[a-z]?(?:-(?=$|[^a-z0-9])|\s?neg(?:ative)?\b)")
# Suppressors first: FOXP3 on a CD8 cell makes it regulatory. TAM and CAF are named after the tumour but are none of it.
_RULES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("suppressor", re.compile(r"treg|regulatory t|foxp3|mdsc|cd163|cd206|(?<![a-z0-9])m2(?!\d)")),
    ("effector", re.compile(r"cd8(?!\d)|cytotoxic|gzmb|granzyme b")),
    (
        "tumor",
        re.compile(
            r"(?<!non-)(?<!non )(?:tumou?r|cancer)(?![- ](?:associated|infiltrating))"
            r"|pan-?(?:ck|cytokeratin)|(?<![a-z])e-?cad(?:herin)?|epitheli"
        ),
    ),
)


def propose_roles(types: Iterable[str]) -> dict[str, Role]:
    """Propose a role for each cell type from the markers and words in its name; a person confirms it."""
    return {name: _propose(name) for name in types}


def _propose(name: str) -> Role:
    text = _ABSENT.sub(" ", name.lower().replace("\N{MINUS SIGN}", "-"))
    return next((role for role, pattern in _RULES if pattern.search(text)), "other")


def match_roles(
    counts: Mapping[str, int], roles: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Role], tuple[str, ...]]:
    """Return the role of each listed type, and a warning for each role that lists types which do not occur.

    Parameters
    ----------
    counts : the types of the table with their number of cells, frequent ones first
    roles : the types that count as each role, compared without outer blanks

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
        f"no cell is of type {quoted_names(names)}, listed as {role} in cells.roles"
        for role, names in unmatched.items()
        if names
    )
