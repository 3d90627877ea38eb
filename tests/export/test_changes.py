"""The channels that a niche's table shows."""

from __future__ import annotations

import math

import pytest

from napari_metime.export.changes import FEW_PLACES, MAX_CHANNELS, channel_changes, matched_note

NAN = math.nan


def _row(number: str, **estimates: tuple[float, float, float]) -> dict[str, object]:
    row: dict[str, object] = {"region_id": number}
    for name, (value, low, high) in estimates.items():
        row |= {f"mean_{name}": 1.0, f"log2fc_{name}": value, f"log2fc_low_{name}": low, f"log2fc_high_{name}": high}
    return row


def test_the_largest_differences_come_first_and_unknown_ones_do_not() -> None:
    row = _row("1", a=(0.5, 0.1, 0.9), b=(-1.0, -2.0, 0.5), c=(NAN, NAN, NAN))
    (niche,) = channel_changes([row], dict.fromkeys("abc", False))
    assert [change.channel for change in niche.changes] == ["b", "a"]
    assert [change.excludes_zero for change in niche.changes] == [False, True]


def test_places_share_one_scale_around_the_middle() -> None:
    rows = [_row("1", a=(1.0, 0.5, 2.0)), _row("2", a=(-1.0, NAN, NAN))]
    first, second = channel_changes(rows, {"a": False})
    assert (first.changes[0].low, first.changes[0].x, first.changes[0].high) == pytest.approx((62, 74, 98))
    assert second.changes[0].x == second.changes[0].low == pytest.approx(26)
    assert second.changes[0].interval == ""


def test_a_long_list_is_cut() -> None:
    names = [f"c{i}" for i in range(MAX_CHANNELS + 5)]
    row = _row("1", **{name: (i + 1.0, 0.0, 2.0 * i + 2) for i, name in enumerate(names)})
    (niche,) = channel_changes([row], dict.fromkeys(names, False))
    assert [change.channel for change in niche.changes] == names[:-9:-1]


def test_no_difference_at_all_is_drawn_in_the_middle() -> None:
    (niche,) = channel_changes([_row("1", a=(0.0, 0.0, 0.0))], {"a": True})
    assert niche.changes[0].x == 50


def test_the_contrast_with_matched_tissue_stands_beside_it() -> None:
    """Benjamini-Hochberg of 0.01 and 0.5: 0.02 and 0.5."""
    row = _row("1", a=(0.5, 0.1, 0.9), b=(-1.0, -2.0, 0.5))
    assert not channel_changes([row], dict.fromkeys("ab", False))[0].is_matched
    row |= {"matched_log2fc_a": 0.4, "p_moved_a": 0.01, "matched_log2fc_b": NAN, "p_moved_b": 0.5}
    (niche,) = channel_changes([row], dict.fromkeys("ab", False))
    assert niche.is_matched
    assert [(change.matched, change.q) for change in niche.changes] == [("–", "0.5"), ("+0.40", "0.02")]


def test_what_a_matched_q_rests_on_is_said() -> None:
    """1 / (1 + 999) = 0.001 and 1 / (1 + 99) = 0.01."""
    row = {"region_id": "2", "n_moved": 999.0, "own_matched_share": 0.2, "p_moved_a": 0.5}
    assert matched_note(row) == (
        "Matched: the niche's shape was moved to 999 other places, so that no p or q can be below 0.001."
    )
    assert "50 % of the tissue that is as deep and as tumour-rich is the niche itself" in matched_note(
        row | {"own_matched_share": 0.501}
    )
    assert FEW_PLACES > 99
    assert matched_note(row | {"n_moved": 99.0}).endswith(
        "no p or q can be below 0.01; with so few places a large q says little."
    )
    assert matched_note(row | {"n_moved": 1.0, "p_moved_a": NAN}).startswith(
        "Matched: the niche's shape was moved to 1 other place; that is too few for a q"
    )
    assert matched_note({"region_id": "1", "p_moved_a": 0.5}) == ""
