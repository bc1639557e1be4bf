"""The command line: parse, call one function of `experiment`, print, exit. Each module adds its commands to `app`."""

from harness.cli import (
    chain,
    check,
    compare,
    doctor,
    explore,
    export,
    probe,
    replay,
    run,
    runs,
    serve,
    show,
    suite,
    tune,
    worker,
)
from harness.cli.app import app, main

__all__ = [
    "app",
    "chain",
    "check",
    "compare",
    "doctor",
    "explore",
    "export",
    "main",
    "probe",
    "replay",
    "run",
    "runs",
    "serve",
    "show",
    "suite",
    "tune",
    "worker",
]
