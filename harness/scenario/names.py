"""Names that the folder of reports uses itself, so that no scenario can have them: a run is in `reports/NAME/`."""

from __future__ import annotations

LATEST = "latest"
SUITES = "suites"
EXPLORED = "explore"
COMPARISONS = "comparisons"
REPLAYS = "replays"
TUNINGS = "tunings"
SAMPLES = "samples"
RESERVED_NAMES = {
    LATEST: "the latest run",
    SUITES: "the suites",
    EXPLORED: "what `harness explore` finds",
    COMPARISONS: "the comparisons of chains",
    REPLAYS: "the replays of outages",
    TUNINGS: "what `harness tune` finds",
    SAMPLES: "the sample runs",
}
"""Each with what is in `reports/NAME`."""
