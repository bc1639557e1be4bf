"""The command line: parse, call one function of `experiment`, print, exit. Each module adds its commands to `app`."""

from harness.cli import check, run, serve, suite
from harness.cli.app import app, main

__all__ = ["app", "check", "main", "run", "serve", "suite"]
