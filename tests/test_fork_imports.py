"""What a run imports late is imported for the runs to come, but nothing of the chain's own."""

from __future__ import annotations

import sys

import pytest

from harness import fork


def test_what_a_run_imported_late_is_imported_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of packages that are already here; a module that this process cannot import is left out."""
    for name in ("wsgiref", "wsgiref.headers", "wsgiref.util"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    fork._import(["wsgiref.headers", "json.no_such_part", "json.tool"])
    assert "wsgiref.headers" not in sys.modules
    assert "json.tool" in sys.modules
    fork._import(["email.no_such_part", "wsgiref"])
    assert "wsgiref" not in sys.modules
