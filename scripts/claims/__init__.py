"""Measures what people say about fallback chains, and renders the page."""
