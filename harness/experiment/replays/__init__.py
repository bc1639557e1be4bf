"""Incidents played against a chain."""
