"""The run folder: the only room that knows file names."""

from harness.store.capture import Capture, EdgeAttempt, Foreign, Origin
from harness.store.folder import RunFolder, latest
from harness.store.format import decode, encode

__all__ = ["Capture", "EdgeAttempt", "Foreign", "Origin", "RunFolder", "decode", "encode", "latest"]
