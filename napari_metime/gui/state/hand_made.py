"""What a person makes by hand: painted tissue, what is left out of it, names, roles, landmarks; each with an undo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metime.export.placed_landmarks import LEFT_OUT, PLACED
from napari_metime.gui.state.chain import READS, Step
from napari_metime.gui.state.history import Change, History, PairsByHand, TissueByHand, What
from napari_metime.gui.state.made import Done, Outlined
from napari_metime.gui.state.pairs import Pairs
from napari_metime.gui.state.step_states import StepStates
from napari_metime.recipe import parse_part
from napari_metime.section import Tissue
from napari_metime.tissue import carried_names, name_regions


class HandMade(StepStates):
    """The part of a session that a person's hand changes; every change of it can be taken back."""

    def __init__(self) -> None:
        super().__init__()
        self.outlined: Outlined | None = None
        """The tissue before anything was left out of it, and what was."""
        self.pairs = Pairs()
        self.pairs_from: Path | None = None
        """The landmarks, and the file that they are of; None once a person has changed them."""
        self.history = History()

    @property
    def can_undo(self) -> str:
        """What is taken back next, in words; empty where there is nothing."""
        change = self.history.last()
        return "" if change is None else change.words

    @property
    def can_redo(self) -> str:
        """What is made again next, in words; empty where there is nothing."""
        change = self.history.next()
        return "" if change is None else change.words

    def undo(self, what: What | None = None) -> Change | None:
        """Take the last change back, of anything or of one thing; return it, None where there was none."""
        change = self.history.last(what)
        if change is not None:
            self.history = self.history.back(change)
            self._put_back(change, change.after, change.before)
        return change

    def redo(self, what: What | None = None) -> Change | None:
        """Make the change again that was taken back last; return it, None where there was none."""
        change = self.history.next(what)
        if change is not None:
            self.history = self.history.again(change)
            self._put_back(change, change.before, change.after)
        return change

    def _put_back(self, change: Change, now: Any, then: Any) -> None:
        if change.what == "roles":
            self.put("cells", "roles", then)
        elif change.what == "cells":
            self.history = self.history.without("roles")
            self.put("cells", "", then)
        elif change.what == "pairs":
            self.pairs, self.pairs_from = Pairs(then.placed), then.read_from
            if isinstance(self.get("align"), dict) and "landmarks" in self.get("align"):
                self.put("align", "landmarks", then.named)
        else:
            # Only what the change itself changed: a setting that was chosen since stays.
            changed = {key: each for key, each in then.settings.items() if now.settings.get(key) != each}
            self._errors.pop("tissue", None)
            former, self.outlined = self._done.get("tissue"), then.outlined
            self.values = {**self.values, "tissue": {**self.values["tissue"], **changed}}
            if then.done is None:
                self._done.pop("tissue", None)
            else:
                self._done["tissue"] = then.done
            if change.says_same and former is not None and then.done is not None:
                self._hand_on(former, then.done)
            self.values_changed.emit()
        self.changed.emit("all")

    def _note(self, words: str, what: What, before: Any, after: Any, *, says_same: bool = False) -> None:
        self.history = self.history.after(Change(words, what, before, after, says_same))

    def _tissue_by_hand(self, done: Done | None = None) -> TissueByHand:
        """Return the tissue as it stands, with the settings that it was made with."""
        done = done or self._done.get("tissue")
        settings = self.get("tissue")
        if done is not None:
            made = zip(READS["tissue"], done.ticket.settings, strict=False)
            settings = {**settings, **{key: value for (section, key), value in made if section == "tissue"}}
        return TissueByHand(settings, self.outlined, done)

    def assign_roles(self, roles: Mapping[str, tuple[str, ...]], words: str) -> None:
        """Take what a person says that types count as, role by role."""
        before = self.get("cells", "roles")
        if roles != before:
            self.put("cells", "roles", dict(roles))
            self._note(words, "roles", before, dict(roles))
            self.changed.emit("cells")

    def note_table(self, former: Mapping[str, Any]) -> None:
        """Note that the table of cells took the place of another one; ``former`` are the settings of the step then."""
        now = self.get("cells")
        if now["path"] is not None and former["path"] is not None and now["path"] != former["path"]:
            self._note(f"reading {now['path'].name:.40}", "cells", former, now)
            self.changed.emit("cells")

    @property
    def left_out_mask(self) -> NDArray[np.bool_]:
        """What a person leaves out of the tissue, shape (rows, cols)."""
        if self.outlined is None:
            return np.zeros(self.value("data").dataset.grid.shape, dtype=bool)
        return self.outlined.left_out

    def paint_tissue(self, mask: NDArray[np.bool_]) -> None:
        """Take a mask that a person painted; unmeasured pixels never count, and those left out stay as they are.

        Raises
        ------
        TissueError
            No measured pixel is left in the mask.
        """
        measured, left_out = self.value("data").dataset.measured, self.left_out_mask
        below = np.zeros_like(mask) if self.outlined is None else self.outlined.whole.mask
        whole = Tissue(np.where(left_out, below, mask) & measured, "painted", "painted by hand")
        exclude = self.get("tissue", "exclude")
        self._take_outlined(Outlined(whole, left_out, self._left_out_name), exclude, "painting the tissue")

    def leave_out(self, mask: NDArray[np.bool_]) -> None:
        """Take what a person drew as not there: folds, holes, necrosis.

        Raises
        ------
        TissueError
            No tissue is left.
        """
        if self.outlined is not None:
            exclude = LEFT_OUT if mask.any() else None
            self._take_outlined(Outlined(self.outlined.whole, mask, LEFT_OUT.name), exclude, "what is left out")

    @property
    def has_drawn_left_out(self) -> bool:
        """Whether the recipe takes what was drawn here as left out, not what a file says."""
        return bool(self.get("tissue", "exclude") == LEFT_OUT)

    @property
    def _left_out_name(self) -> str:
        exclude = self.get("tissue", "exclude")
        return "" if exclude is None else Path(exclude).name

    def _take_outlined(self, outlined: Outlined, exclude: Path | None, words: str) -> None:
        last, after = self.history.last("tissue"), self.history.next("tissue")
        if last is not None and last.before.looks_like(outlined):
            self.undo("tissue")  # a stroke was taken back on the canvas: so is all that followed from it
            return
        if after is not None and after.after.looks_like(outlined):
            self.redo("tissue")
            return
        before = self._tissue_by_hand()
        self._errors.pop("tissue", None)
        self.outlined = outlined
        self.values = {**self.values, "tissue": {**self.values["tissue"], "exclude": exclude}}
        if self.get("tissue", "regions")["method"] != "none":
            self._put_regions(method="none", names={})
            self.tell("tissue: its regions were dropped, as it was changed by hand; find them again")
        self._done["tissue"] = Done(outlined.tissue, self._ticket("tissue"))
        self._note(words, "tissue", before, self._tissue_by_hand())
        self.changed.emit("all")

    def name_region(self, label: int, name: str) -> None:
        """Name a label of the tissue's regions; labels of one name are one region, and no name is the number.

        Raises
        ------
        RecipeError
            It cannot be a name.
        """
        former, settings = self._done["tissue"], self.get("tissue", "regions")
        names = {**settings["names"], label: name.strip() or str(label)}
        names = {key: word for key, word in sorted(names.items()) if word != str(key)}
        parse_part("tissue", {**self.get("tissue"), "regions": {**settings, "names": names}})
        if former.value.regions is None or not self.is_current("tissue") or names == settings["names"]:
            return
        before = self._tissue_by_hand()
        self._put_regions(names=names)
        tissue = replace(former.value, regions=name_regions(former.value.regions, names))
        self._done["tissue"] = Done(tissue, replace(former.ticket, settings=self._settings("tissue")), former.seconds)
        self._hand_on(former, self._done["tissue"])  # a domain that is a region follows by the settings of niches
        self._note(f"the name of region {label}", "tissue", before, self._tissue_by_hand(), says_same=True)
        self.changed.emit("all")

    def _with_former_names(self, tissue: Tissue, former: Tissue) -> Tissue:
        """Give regions the names that were given before, each to where it was given."""
        names = self.get("tissue", "regions")["names"]
        if tissue.regions is None or former.regions is None or not names:
            return tissue
        carried = carried_names(tissue.regions.labels, former.regions)
        if carried != names:
            self._put_regions(names=carried)
            kept = ", ".join(f"{label} is {name}" for label, name in carried.items()) or "none has a name now"
            self.tell(f"tissue: other regions than those that were named; {kept}")
        return replace(tissue, regions=name_regions(tissue.regions, carried))

    def _put_regions(self, **settings: Any) -> None:
        regions = {**self.get("tissue", "regions"), **settings}
        self.values = {**self.values, "tissue": {**self.values["tissue"], "regions": regions}}
        self.values_changed.emit()

    def set_pairs(self, pairs: Pairs, words: str = "landmarks") -> None:
        """Take landmarks that a person has changed; from now on they, and no file, are those of the recipe."""
        before, is_other = self._pairs_by_hand, pairs.placed != self.pairs.placed
        self.pairs = pairs
        if is_other:
            self.pairs_from = None
            if isinstance(self.get("align"), dict) and (pairs.placed or self.get("align", "landmarks") is not None):
                self.put("align", "landmarks", PLACED)
            self._note(words, "pairs", before, self._pairs_by_hand)
        self.changed.emit("all")

    def show_pairs_of(self, path: Path | None, pairs: Pairs) -> None:
        """Take the landmarks of a file that the recipe names."""
        self.pairs, self.pairs_from = pairs, path
        self.history = self.history.without("pairs")
        self.changed.emit("align")

    @property
    def has_placed(self) -> bool:
        """Whether the recipe takes the landmarks that were set here, not those of a file."""
        return bool(self.get("align", "landmarks") == PLACED)

    @property
    def _pairs_by_hand(self) -> PairsByHand:
        return PairsByHand(self.pairs.placed, self.pairs_from, self.get("align", "landmarks"))

    def _settings(self, step: Step) -> tuple[Any, ...]:
        placed = (self.pairs.placed,) if step == "align" and self.has_placed else ()
        return (*super()._settings(step), *placed)
