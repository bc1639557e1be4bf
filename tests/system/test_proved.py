"""A tuning that is proved on real parts: `harness tune --prove` on a chain that waits for ever at a silent provider."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.store import RunFolder
from tests.cli.test_cli import harness
from tests.outages import PATIENT, STALL

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_what_is_suggested_does_live_what_it_does_in_virtual_time(tmp_path: Path) -> None:
    """The file as it is loses what it lost there, the suggestion saves what it saved; each leaves a run with its page."""
    (tmp_path / "chain.yaml").write_text(PATIENT, "utf-8")
    (tmp_path / "stall.yaml").write_text(STALL, "utf-8")
    code, out, err = harness(
        *("tune", "chain.yaml", "--against", "stall.yaml", "--trials", "1", "--rate", "1/s", "--prove", "--json"),
        cwd=tmp_path,
    )
    assert code == 0, err
    proofs = json.loads(out)["proofs"]
    assert len(proofs) >= 2
    assert all(proof["agrees"] for proof in proofs)
    now, suggested, *_others = (proof["live"]["value"] for proof in proofs)
    assert suggested < 0.2 * now
    for proof in proofs:
        assert RunFolder.open(Path(proof["run"])).report.is_file()
