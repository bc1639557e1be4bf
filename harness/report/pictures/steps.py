"""Fallbacks as pictures name them: by what triggered them, the rare ones merged."""

from __future__ import annotations

import pandas as pd

OTHER = "other"


def trigger_names(fallbacks: pd.DataFrame) -> pd.Series[str]:
    """Return what triggered each fallback: its class, and its status where there was one."""
    status = fallbacks["status"].astype("object")
    codes = [f" {code}" if known else "" for code, known in zip(status, status.notna(), strict=True)]
    return fallbacks["trigger"].astype(str) + codes


def merged(names: pd.Series[str], most: int) -> pd.Series[str]:
    """Return names of which there are at most so many: the rarest are `other`."""
    sizes = names.value_counts()
    if len(sizes) <= most:
        return names
    kept = sorted(sizes.index, key=lambda name: (-sizes[name], name))[: most - 1]
    return names.where(names.isin(kept), OTHER)
