"""A run's folder."""

from __future__ import annotations


class RunFolder:
    """To come."""
