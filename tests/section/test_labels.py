"""What a reader is shown of a channel."""

from __future__ import annotations

import pytest

from napari_metime.metabolites.panel import read_panel
from napari_metime.metabolites.ratio_table import read_ratios
from napari_metime.section import AXIS_PREFIX, axis_label, label_of


@pytest.mark.parametrize(
    ("channel", "label"),
    [
        ("axis:arginine", "Arginine axis"),
        ("axis:my_own_axis", "my own axis axis"),
        ("kyn_trp", "Kynurenine / tryptophan"),
        ("mz:89.0244", "m/z 89.0244"),
        ("L-Lactate", "L-Lactate"),
        ("my_ratio", "my_ratio"),
        ("PD-L1", "PD-L1"),
    ],
)
def test_a_channel_is_named_in_words(channel: str, label: str) -> None:
    assert label_of(channel) == label


def test_no_axis_and_no_ratio_of_the_project_is_shown_by_its_key() -> None:
    axes = {member.axis for member in read_panel(None)}
    ratios = {ratio.id for ratio in read_ratios()}
    assert len(axes) == 15
    assert len(ratios) == 31
    assert not [axis for axis in axes if "_" in axis_label(axis) or axis_label(axis) == axis]
    assert not [name for name in ratios | {AXIS_PREFIX + axis for axis in axes} if "_" in label_of(name)]


def test_labels_tell_channels_apart() -> None:
    names = [ratio.id for ratio in read_ratios()] + sorted({AXIS_PREFIX + m.axis for m in read_panel(None)})
    assert len({label_of(name) for name in names}) == len(names)
