"""Runs of two chains compared: what changed, and how sure that is."""
