"""The ion that a text asks for: a name of the panel, an m/z, or a formula with the form in which it flies."""

from __future__ import annotations

from napari_metime.errors import MetimeError, RecipeError
from napari_metime.gui.state.session import Session
from napari_metime.metabolites import panel_of, read_panel
from napari_metime.metabolites.formulas import AskedIon, parse_ion
from napari_metime.metabolites.panel import PanelIon


def ask_ion(text: str, session: Session) -> AskedIon:
    """Return the ion that a text asks for in the file that is open.

    Raises
    ------
    RecipeError
        The text is none of the three, or its m/z is outside the range of the file.
    """
    dataset = session.value("data").dataset
    asked = parse_ion(text, _panel_of(session), dataset.polarity)
    low, high = dataset.mz_range
    if not low <= asked.mz <= high:
        raise RecipeError(
            f"expected an m/z in the range of this file, {low:.1f} to {high:.1f}, found {ion_in_words(asked)}; "
            "ask for another ion"
        )
    return asked


def is_number(text: str) -> bool:
    """Whether a text asks for an m/z."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def label_of(asked: AskedIon) -> str:
    """Return whose ion it is, for the name of its layer."""
    return " ".join(part for part in (asked.name or asked.formula, asked.adduct) if part) or "ion"


def ion_in_words(asked: AskedIon) -> str:
    """Return name, form and m/z of an ion."""
    named = label_of(asked) if asked.name or asked.formula else ""
    return ", ".join(part for part in (named, f"m/z {asked.mz:.4f}") if part)


def panel_names(session: Session) -> list[str]:
    """Return the names of the panel, each once; none where it cannot be read."""
    try:
        return list(dict.fromkeys(ion.name for ion in _panel_of(session)))
    except MetimeError:
        return []  # step 3 tells why, where it reads it


def _panel_of(session: Session) -> tuple[PanelIon, ...]:
    """Return the ions of the panel that the session measures; the built-in one where it measures none."""
    return panel_of(session.part("channels")) or read_panel(None)
