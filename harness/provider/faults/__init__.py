"""What can be done to a provider's answer, one file each.

Those here answer in the provider's place. One that changes an answer on its way is a transducer over its steps,
`(state, step) -> (state, steps)`, and belongs in a table of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.provider.answer import Answer
from harness.provider.dialects import Dialect
from harness.provider.faults import reset, silent, status
from harness.scenario import Inject

Instead = Callable[[Dialect, Inject, str], Answer]
"""`(dialect, inject, attempt id)` to the answer that is given in the provider's place."""

INSTEAD: dict[str, Instead] = {"status": status.answer, "reset": reset.answer, "silent": silent.answer}
"""By `Inject.kind`."""
