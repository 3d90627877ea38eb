"""What the Metabolites tab lists: axis by axis its members, with their verdicts, and its ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_metime.gui.views.evidence_words import (
    VERDICTS,
    axis_sentences,
    axis_state,
    axis_words,
    ion_words,
    member_sentences,
    ratio_sentences,
    verdict_words,
)
from napari_metime.metabolites.axes import rows_of, verdict_of
from napari_metime.section import Channel, ChannelSet, label_of

SHOWN_VERDICTS = ("seen", "doubtful")
NO_IMAGE = ", so there is no image"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table.

    Parameters
    ----------
    channel : the name of its image; empty where it has none
    verdict : of ``VERDICTS``, or in words what else is known: ``measured``; empty for what was asked for by itself
    row : its row of channels.csv, or of the ratios or axes
    about : sentences for the reader
    """

    kind: str
    title: str
    channel: str
    verdict: str
    row: Mapping[str, Any]
    about: tuple[str, ...]

    @property
    def subtitle(self) -> str:
        """What it is, in one line."""
        return ion_words(self.row) if self.kind == "ion" else {"axis": "axis", "ratio": "ratio"}.get(self.kind, "image")

    @property
    def search_text(self) -> str:
        """Everything that it can be searched by, in lower case."""
        mz = self.row.get("mz")
        parts = [self.title, self.channel, self.kind, self.verdict]
        parts += [str(self.row.get(key) or "") for key in ("axis", "ratio", "definition")]
        parts += [self.subtitle, f"{mz:.4f}" if isinstance(mz, float) and np.isfinite(mz) else ""]
        return " ".join(parts).lower()


@dataclass(frozen=True, slots=True)
class AxisGroup:
    """An axis: its own line, which holds its score where there is one, and what belongs to it."""

    axis: str
    heading: Entry
    entries: tuple[Entry, ...]

    @property
    def has_seen(self) -> bool:
        """Whether anything of it is to be looked at: seen, doubtful, measured."""
        return bool(self.heading.channel) or any(
            entry.verdict in SHOWN_VERDICTS or (entry.channel and entry.verdict not in VERDICTS)
            for entry in self.entries
        )


def axis_groups(channels: ChannelSet) -> tuple[AxisGroup, ...]:
    """Return the axes in the order of the panel, then what belongs to none; in each what is seen stands first."""
    images = {channel.name: channel for channel in channels.channels}
    members = [_member(row, images) for row in rows_of(channels.table)]
    ratios = [_ratio(row, images) for row in rows_of(channels.ratios)]
    listed = {entry.row["channel"] for entry in members} | {entry.channel for entry in ratios}
    others = [_other(c) for c in channels.channels if c.name not in listed and c.kind != "axis"]
    stated = {str(row["axis"]): row for row in rows_of(channels.axes)}
    of_axis: dict[str, list[Entry]] = {axis: [] for axis in stated}
    for entry in (*members, *ratios):
        of_axis.setdefault(_axis_of(entry.row), []).append(entry)
    of_axis.setdefault("", []).extend(others)
    of_axis[""] = of_axis.pop("")
    return tuple(
        AxisGroup(axis, _heading(axis, stated.get(axis, {}), images, entries), _in_order(entries))
        for axis, entries in of_axis.items()
        if entries
    )


def _member(row: dict[str, Any], images: Mapping[str, Channel]) -> Entry:
    name, verdict = str(row["channel"]), verdict_of(row)
    has_image = name in images
    about = (verdict_words(verdict) + ("" if has_image else NO_IMAGE), *member_sentences(row))
    is_ion = not has_image or images[name].kind == "ion"
    return Entry("ion" if is_ion else "image", name, name if has_image else "", verdict, row, about)


def _ratio(row: dict[str, Any], images: Mapping[str, Channel]) -> Entry:
    name = str(row["ratio"])
    is_measured = name in images
    verdict = "measured" if is_measured else "not measurable"
    about = (verdict + ("" if is_measured else NO_IMAGE), *ratio_sentences(row))
    return Entry("ratio", label_of(name), name if is_measured else "", verdict, row, about)


def _other(channel: Channel) -> Entry:
    title = label_of(channel.name)
    if channel.kind != "ion":
        return Entry("image", title, channel.name, "", {}, ("An image that was brought onto the grid.",))
    is_mz = channel.name.startswith("mz:")
    mz = float(channel.name.removeprefix("mz:")) if is_mz else float("nan")
    is_empty = not np.any(channel.image > 0)
    about = "No intensity within the tolerance." if is_empty else "An m/z that was asked for by itself; no verdict."
    return Entry("ion", title, channel.name, "", {"mz": mz, "reason": about if is_empty else ""}, (about,))


def _heading(
    axis: str, row: Mapping[str, Any], images: Mapping[str, Channel], entries: Sequence[Entry]
) -> Entry:
    channel = str(row.get("channel") or "")
    state = axis_state(row)
    reasons = [str(entry.row.get("reason") or "") for entry in entries if entry.kind in ("ion", "image")]
    about = (state.capitalize() + ".", *axis_sentences(row, reasons)) if state else ()
    return Entry("axis", axis_words(axis), channel if channel in images else "", state, {"axis": axis, **row}, about)


def _axis_of(row: Mapping[str, Any]) -> str:
    axis = row.get("axis")
    return axis.partition(";")[0].strip() if isinstance(axis, str) else ""


def _in_order(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Sort what is seen first; what has no such verdict, as ratios, comes behind what is seen or doubtful."""
    rank = {"seen": 0, "doubtful": 1, "measured": 2, "": 2, "not seen": 3, "not measurable": 4, VERDICTS[3]: 5}
    return tuple(sorted(entries, key=lambda entry: rank.get(entry.verdict, 2)))
