"""Real outages as facts: what callers of a vendor met, when, in what share, and how that is known."""

from harness.incident.library import all_incidents, find_incident
from harness.incident.schema import Incident, IncidentWindow, ShareBand

__all__ = ["Incident", "IncidentWindow", "ShareBand", "all_incidents", "find_incident"]
