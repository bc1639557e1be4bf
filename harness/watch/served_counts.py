"""The counts of `harness serve`: attempts alone, for there is neither a request nor a file of rows.

The edge only notes how each attempt ended. Whoever scrapes counts that, or a timer where nobody does.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from harness.chain import Chain
from harness.history import AttemptOutcome
from harness.provider.answer import Answer
from harness.provider.usage import cost_usd
from harness.watch import instruments as names
from harness.watch.counts import Counts
from harness.watch.exposition import RunCounts

SETTLE_S = 0.2
"""How often attempts are counted that no scrape has counted."""


class ServedCounts:
    """Notes how attempts end, and counts them later.

    Args:
        chain: Whose providers are served.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain.name
        self._prices = {name: provider.price for name, provider in chain.providers.items()}
        self._alike: dict[tuple[Any, ...], int] = {}
        self._took_ns: dict[str, list[int]] = {name: [] for name in chain.providers}
        self._noting = threading.Lock()
        self._settling = threading.Lock()
        self._counts = Counts()
        for provider in chain.names:
            self._counts.add(names.ATTEMPTS, provider, "ok", "200", amount=0)
            self._counts.observe_all(names.ATTEMPT_DURATION, provider, seconds=())

    def count(
        self, provider: str, outcome: AttemptOutcome, status: int | None, took_ns: int | None, answer: Answer
    ) -> None:
        """Note an attempt; see `harness.edge.provider_port.AttemptEnded`."""
        key = provider, outcome, status, answer.tokens_in, answer.tokens_out, answer.cached
        with self._noting:
            self._alike[key] = self._alike.get(key, 0) + 1
            if took_ns is not None:
                self._took_ns[provider].append(took_ns)

    def settle(self) -> None:
        """Count what was noted until now."""
        with self._settling:
            with self._noting:
                alike, self._alike = self._alike, {}
                took_ns, self._took_ns = self._took_ns, {name: [] for name in self._took_ns}
            for (provider, outcome, status, tokens_in, tokens_out, cached), number in alike.items():
                labels = (provider, outcome, "" if status is None else str(status))
                usd = cost_usd(self._prices[provider], tokens_in, tokens_out, cached)
                self._counts.add(names.ATTEMPTS, *labels, amount=number)
                self._counts.add(names.TOKENS, provider, "in", amount=number * (tokens_in or 0))
                self._counts.add(names.TOKENS, provider, "out", amount=number * (tokens_out or 0))
                self._counts.add(names.COST, provider, amount=number * (usd or 0.0))
            for provider, own in took_ns.items():
                if own:
                    self._counts.observe_all(names.ATTEMPT_DURATION, provider, seconds=np.array(own) / 1e9)

    def runs(self) -> list[RunCounts]:
        """Return what was counted so far."""
        self.settle()
        with self._settling:
            return [RunCounts(scenario="", chain=self._chain, counts=self._counts.copy())]

    def health(self) -> dict[str, Any]:
        """Return what is true of the command now, in plain data."""
        return {"command": "serve", "runs": [], "problems": []}
