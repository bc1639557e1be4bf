"""Find out what your LLM fallback chain does before your provider's outage shows you."""

__version__ = "0.1.0"
