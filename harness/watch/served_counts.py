"""The counts of `harness serve`: attempts alone, for there is neither a request nor a file of rows.

The edge only appends its row to a list. Whoever scrapes counts it, or a timer where nobody does, so that the list stays short.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from typing import Any

from harness.chain import Chain
from harness.store.capture import EdgeAttempt, Row
from harness.watch import instruments as names
from harness.watch.counts import Counts
from harness.watch.exposition import RunCounts

SETTLE_S = 0.2
"""How often rows are counted that no scrape has counted."""


class ServedCounts:
    """Takes the edge's rows, and counts them later.

    Args:
        chain: Whose providers are served.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain.name
        self._rows: deque[Row] = deque()
        self._lock = threading.Lock()
        self._counts = Counts()
        for provider in chain.names:
            self._counts.add(names.ATTEMPTS, provider, "ok", "200", amount=0)
            self._counts.observe_all(names.ATTEMPT_DURATION, provider, seconds=())
        self.put = self._rows.append

    def settle(self) -> None:
        """Count what was put until now."""
        with self._lock:
            rows = [self._rows.popleft() for _ in range(len(self._rows))]
            attempts = [row for row in rows if isinstance(row, EdgeAttempt)]
            endings = Counter((row.provider, row.outcome, row.status) for row in attempts)
            for (provider, outcome, status), number in endings.items():
                labels = (provider, outcome, "" if status is None else str(status))
                self._counts.add(names.ATTEMPTS, *labels, amount=number)
            by_provider: defaultdict[str, list[EdgeAttempt]] = defaultdict(list)
            for row in attempts:
                by_provider[row.provider].append(row)
            for provider, own in by_provider.items():
                took_s = [(row.end_ns - row.start_ns) / 1e9 for row in own if row.end_ns is not None]
                self._counts.observe_all(names.ATTEMPT_DURATION, provider, seconds=took_s)
                self._counts.add(names.TOKENS, provider, "in", amount=sum(row.tokens_in or 0 for row in own))
                self._counts.add(names.TOKENS, provider, "out", amount=sum(row.tokens_out or 0 for row in own))
                self._counts.add(names.COST, provider, amount=sum(row.cost_usd or 0.0 for row in own))

    def runs(self) -> list[RunCounts]:
        """Return what was counted so far."""
        self.settle()
        with self._lock:
            return [RunCounts(scenario="", chain=self._chain, counts=self._counts.copy())]

    def health(self) -> dict[str, Any]:
        """Return what is true of the command now, in plain data."""
        return {"command": "serve", "runs": [], "problems": []}
