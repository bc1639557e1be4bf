"""A running gateway reads its new configuration, and is well after it, or the old file is put back."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.errors import HarnessError, UsageError
from harness.experiment import apply, reload_with
from harness.experiment.chain_files.applying import NotApplied
from harness.experiment.chain_files.reload import Reload
from tests.experiment.chain_files.files import NEW, OLD, beside, lines, proposal

PAGES = {
    b"well": (200, b'{"status": "healthy"}'),
    b"ill": (503, b"{}"),
    b"page": (200, b"<html>sign in</html>"),
    b"moved": (302, b"{}"),
}


class Gateway(NamedTuple):
    """A gateway that takes its state over from its configuration when it is reloaded."""

    path: Path
    running: Path
    health: str

    def reload(self, code: str = "pass") -> Reload:
        """Return how it is reloaded; it is given little time."""
        copy = f"import shutil; {code}; shutil.copy({str(self.path)!r}, {str(self.running)!r})"
        command = (sys.executable, "-c", copy)
        return Reload(command=command, health=self.health, command_s=30, healthy_s=1.5)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """Serve the health page of a gateway: what it answers is the last comment of the file that it runs with."""
    (tmp_path / "etc").mkdir()
    path, running = tmp_path / "etc" / "litellm-config.yaml", tmp_path / "running"
    path.write_bytes(OLD + b"# well\n")
    path.chmod(0o644)
    running.write_bytes(b"# well\n")

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = PAGES[running.read_bytes().rsplit(b"# ", 1)[-1].strip()]
            self.send_response(status)
            self.send_header("location", "/")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    server = HTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Gateway(path, running, f"http://127.0.0.1:{server.server_port}/health/readiness")
    server.shutdown()
    thread.join()
    server.server_close()


def change(gateway: Gateway, state: str, reloading: Reload) -> list[str]:
    """Put a file in place with which the gateway is in a state; return what is said."""
    said: list[str] = []
    after = NEW + f"# {state}\n".encode()
    apply(proposal(gateway.path, gateway.path.read_bytes(), after), None, reloading, said.append)
    return said


def test_a_gateway_that_is_well(gateway: Gateway) -> None:
    """The command is run once the file is in place."""
    said = change(gateway, "well", gateway.reload())
    assert said[-1] == "the gateway is well with it"
    assert gateway.running.read_bytes() == gateway.path.read_bytes() == NEW + b"# well\n"


@pytest.mark.parametrize(
    ("state", "why"),
    [("ill", "it answers 503"), ("page", "it answers 200, and no JSON"), ("moved", "it answers 302")],
)
def test_a_gateway_that_is_not_well_gets_its_old_file_back(gateway: Gateway, state: str, why: str) -> None:
    """And is reloaded with it; the log has both."""
    with pytest.raises(NotApplied) as caught:
        change(gateway, state, gateway.reload())
    text = str(caught.value)
    assert f"is not well 1.5 s after the reload: {why}; the old file is back, and the gateway is well again" in text
    assert gateway.running.read_bytes() == gateway.path.read_bytes() == OLD + b"# well\n"
    assert [line["did"] for line in lines(gateway.path)] == ["apply", "put back"]
    assert gateway.path.stat().st_mode & 0o777 == 0o644
    assert beside(gateway.path)["unfinished"] == []


def test_a_command_that_fails(gateway: Gateway) -> None:
    """Its last output is shown, without keys; and that the gateway is ill with the old file too is said."""
    reloading = gateway.reload("print('cannot restart', 'api_key=hunter2-hunter2'); raise SystemExit(3)")
    gateway.running.write_bytes(b"# ill\n")
    with pytest.raises(NotApplied) as caught:
        change(gateway, "well", reloading)
    text = str(caught.value)
    assert "exit code 3; the old file is back, but the gateway is not well with it either" in text
    assert "cannot restart" in text
    assert "hunter2" not in text
    assert gateway.path.read_bytes() == OLD + b"# well\n"


def test_a_command_that_never_ends(gateway: Gateway) -> None:
    """It is killed with all that it started."""
    reloading = replace(gateway.reload("import time; time.sleep(600)"), command_s=0.3)
    with pytest.raises(NotApplied, match=r"did not end within 0\.3 s"):
        change(gateway, "well", reloading)
    assert gateway.path.read_bytes() == OLD + b"# well\n"


def test_a_command_that_is_not_there(gateway: Gateway) -> None:
    """The old file is back."""
    with pytest.raises(NotApplied, match="no-such-program: cannot be run"):
        change(gateway, "well", replace(gateway.reload(), command=("no-such-program",)))
    assert gateway.path.read_bytes() == OLD + b"# well\n"


def test_what_somebody_else_wrote_meanwhile_is_not_put_back(gateway: Gateway) -> None:
    """Neither lost nor taken for ours."""
    write = f"open({str(gateway.path)!r}, 'ab').write(b'# theirs'); raise SystemExit(1)"
    with pytest.raises(HarnessError, match="it was not put back"):
        change(gateway, "well", gateway.reload(write))
    assert gateway.path.read_bytes() == NEW + b"# well\n# theirs"


def test_a_file_that_was_not_there_is_gone_again(gateway: Gateway) -> None:
    """That is what was there before."""
    gateway.path.unlink()
    with pytest.raises(NotApplied):
        apply(proposal(gateway.path, None), None, replace(gateway.reload(), command=("false",)), lambda _text: None)
    assert not gateway.path.exists()


def test_what_stays_running_is_not_waited_for(gateway: Gateway) -> None:
    """A command may leave the gateway in the background, with its output."""
    code = (
        "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE).pid)"
    )
    assert change(gateway, "well", gateway.reload(code))[-1] == "the gateway is well with it"


@pytest.mark.parametrize(
    ("command", "health", "reason"),
    [
        ("'", None, "not a command"),
        (" ", None, "an empty command"),
        ("true", "localhost:4000", "not an address"),
        (None, "http://127.0.0.1:4000/health", "goes with --reload"),
    ],
)
def test_what_cannot_be_meant_is_refused(command: str | None, health: str | None, reason: str) -> None:
    """Before anything is changed."""
    with pytest.raises(UsageError, match=reason):
        reload_with(command, health)


def test_without_a_shell() -> None:
    """Quotation marks keep words together, and nothing else means anything."""
    found = reload_with("docker restart 'my gateway' && x", None)
    assert found is not None
    assert found.command == ("docker", "restart", "my gateway", "&&", "x")
    assert found.health == "http://127.0.0.1:4000/health/readiness"
