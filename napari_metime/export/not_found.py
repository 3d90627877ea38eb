"""Where a ratio is no ratio, as the ions of one of its sides were not found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_metime.section import Channel, SectionResult


def not_found(result: SectionResult, channel: Channel) -> NDArray[np.bool_]:
    """Return where a ratio has no ion at all on one of its sides: there it says what is missing, not how high it is.

    Shape (rows, cols); nowhere for what is no ratio of the panel.
    """
    nowhere = np.zeros(channel.image.shape, dtype=np.bool_)
    facts = result.channels.ratios
    if channel.kind != "ratio" or "channel" not in facts:
        return nowhere
    images = {each.name: each.image for each in result.channels.channels if not each.is_logarithmic}
    for fact in facts[facts["channel"] == channel.name].to_dict("records"):
        for side in str(fact["definition"]).split(" / "):
            terms = side.split(" + ")
            used = [name for name in fact["members"] if any(t == name or t.endswith(f" {name}") for t in terms)]
            found = [images[name] > 0 for name in used if name in images]
            nowhere |= ~np.any(found, axis=0) if found else False
    return nowhere & result.tissue.mask
