"""Toxiproxy: getting it, running one for the length of a run, and changing what it does."""

from harness.live.toxiproxy.provision import Binary, Check, doctor, provision
from harness.live.toxiproxy.server import Toxiproxy

__all__ = ["Binary", "Check", "Toxiproxy", "doctor", "provision"]
