"""Find out what your LLM fallback chain does before an outage does."""

__version__ = "0.1.0"
