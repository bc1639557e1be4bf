"""A `litellm-config.yaml` as it is."""

from __future__ import annotations

from harness.chain.spec import Chain
from harness.document import Document


def chain(document: Document, *, model: str | None = None) -> Chain:
    """Return the chain that a LiteLLM configuration describes."""
    del model
    raise document.error("LiteLLM configurations are read elsewhere")
