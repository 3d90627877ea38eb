"""associations.csv: each channel against coldness.

This version lists what was measured; it tests nothing yet. A correlation of two smooth maps is
significant by chance in most sections unless the test knows their autocorrelation, so no number
is better than a naive one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_metime.section import ChannelSet, NicheMap

ASSOCIATION_COLUMNS = (
    "section_id", "channel", "kind", "n_pixels", "r", "r_partial", "ess", "p_modified_t", "p_shift", "q",
    "covariates", "status", "reason",
)  # fmt: skip
_NOT_YET = "this version has no test that allows for spatial autocorrelation"


def association_rows(
    niches: NicheMap, channels: ChannelSet, *, section_id: str, covariates: tuple[str, ...]
) -> pd.DataFrame:
    """Rows for every measured channel, then for the panel members that this file does not show."""
    cold = np.isfinite(niches.coldness)
    rows: list[dict[str, object]] = [
        {
            "channel": c.name,
            "kind": c.kind,
            "n_pixels": int((cold & np.isfinite(c.image)).sum()),
            "status": "not_testable",
            "reason": _NOT_YET,
        }
        for c in channels.channels
    ]
    table = channels.table
    missing = table[~table["detected"].astype(bool)] if len(table) else table
    for row in missing.to_dict("records"):
        # An ion that was looked for and hardly found is measured; one that this file cannot show is not.
        status = "not_measured" if pd.isna(row.get("mean_intensity")) else "not_testable"
        rows.append(
            {"channel": row["channel"], "kind": "ion", "n_pixels": 0, "status": status, "reason": row["reason"]}
        )
    frame = pd.DataFrame(rows, columns=list(ASSOCIATION_COLUMNS))
    return frame.assign(section_id=section_id, covariates=" ".join(covariates))
