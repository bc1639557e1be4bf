"""A configuration is put in place whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.chain import Chain, Provider
from harness.drivers.host import Host
from harness.errors import HarnessError, UsageError
from harness.experiment import apply, previous
from harness.experiment.chain_files import placing
from harness.experiment.chain_files.applying import NotApplied
from harness.experiment.chain_files.audit import locked
from harness.experiment.chain_files.proposal import Proposal
from harness.experiment.chain_files.reload import Reload
from harness.experiment.chain_files.trial import trial
from tests.experiment.chain_files.files import NEW, OLD, audit, beside, lines, proposal

ROOT = Path(__file__).parents[3]
WELL = """
import http.server, json, sys, threading
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"data": [{"model_name": name} for name in "NAMES".split()]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
sys.stdin.readline()
server = http.server.HTTPServer(("127.0.0.1", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
ready = {"base_url": f"http://127.0.0.1:{server.server_port}/v1", "model": "m", "addressable": {}}
print(json.dumps({"LoadTarget": ready}, separators=(",", ":")), flush=True)
sys.stdin.read()
""".replace("NAMES", "m")
DIES = "import sys; sys.stdin.readline(); print('no such setting; key old-plain-secret', file=sys.stderr); sys.exit(1)"
HANGS = "import sys, time; time.sleep(600)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a configuration in a folder of its own."""
    path = tmp_path / "etc" / "litellm-config.yaml"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


def proxy(code: str) -> Host:
    """Return a program in the place of LiteLLM's proxy."""
    config = {
        "model_list": [{"model_name": "m", "litellm_params": {"model": "openai/m", "api_key": "old-plain-secret"}}]
    }
    providers = {"m": Provider(dialect="openai", model="m")}
    chain = Chain(name="c", driver="litellm-proxy", providers=providers, order=("m",), litellm=config)
    return Host(chain=chain, part=(sys.executable, "-c", code), forked=None, variables=frozenset(), interpreter=None)


def put(change: Proposal, *, tried: Host | None = None, reloading: Reload | None = None) -> list[str]:
    """Put a file in place; return what is said."""
    said: list[str] = []
    apply(change, tried, reloading, said.append)
    return said


def test_the_old_file_is_kept_and_what_changed_is_noted(path: Path) -> None:
    """A dated backup and a log beside it, which others cannot read, and in the log no key."""
    said = put(proposal(path), tried=proxy(WELL))
    assert path.read_bytes() == NEW
    (backup,) = beside(path)["backups"]
    assert backup.read_bytes() == OLD
    assert {each.stat().st_mode & 0o777 for each in (path, backup, audit(path))} == {0o600}
    (line,) = lines(path)
    assert (line["did"], line["from"], line["backup"]) == ("apply", "new.yaml", backup.name)
    assert line["changed"] == [
        {"field": "model_list[0].litellm_params.api_key", "before": "(hidden)", "after": "(hidden)"},
        {"field": "router_settings.num_retries", "before": 3, "after": 1},
    ]
    assert line["who"]
    assert line["at"].endswith("Z")
    assert "plain-secret" not in audit(path).read_text()
    assert any("its mode is now 600" in text for text in said)


def test_a_file_that_was_not_there_is_made(path: Path) -> None:
    """Without a backup; nothing came before it, so nothing can be taken back."""
    path.unlink()
    put(proposal(path, before=None))
    assert path.read_bytes() == NEW
    with pytest.raises(UsageError, match="made by the last apply"):
        previous(path)


def test_applies_are_taken_back_one_after_the_other(path: Path) -> None:
    """The last one first, until none is left; each undo keeps what it takes away."""
    third = NEW.replace(b"num_retries: 1", b"num_retries: 9")
    path.chmod(0o644)
    put(proposal(path))
    put(proposal(path, NEW, third))
    put(previous(path))
    assert path.read_bytes() == NEW
    assert path.stat().st_mode & 0o777 == 0o600
    put(previous(path))
    assert path.read_bytes() == OLD
    assert path.stat().st_mode & 0o777 == 0o644
    with pytest.raises(UsageError, match="was not put there by `harness chain apply`"):
        previous(path)
    assert [line["did"] for line in lines(path)] == ["apply", "apply", "undo", "undo"]
    put(proposal(path, OLD, third))
    assert previous(path).after == OLD


def test_what_was_edited_by_hand_is_not_taken_back(path: Path) -> None:
    """The last apply is not what the file holds."""
    put(proposal(path))
    path.write_bytes(NEW + b"# by hand\n")
    with pytest.raises(UsageError, match="was not put there by") as caught:
        previous(path)
    assert ".bak" in str(caught.value.hint)
    path.write_bytes(NEW)
    (backup,) = beside(path)["backups"]
    backup.unlink()
    with pytest.raises(UsageError, match="there is nothing to take back to"):
        previous(path)


def test_nothing_to_take_back(path: Path) -> None:
    """No log is made by the question."""
    with pytest.raises(UsageError, match="nothing was applied to it"):
        previous(path)
    assert not audit(path).exists()


def test_a_torn_line_of_the_log_hides_no_other(path: Path) -> None:
    """A machine that went down may have left half a line."""
    put(proposal(path))
    with audit(path).open("ab") as log:
        log.write(b'{"at": "2026-')
    assert previous(path).after == OLD
    put(previous(path))
    assert path.read_bytes() == OLD


def test_a_proxy_that_does_not_come_up_changes_nothing(path: Path) -> None:
    """Exit 1 with its last output, in which no key is; the log has a line."""
    with pytest.raises(NotApplied) as caught:
        put(proposal(path), tried=proxy(DIES))
    text = str(caught.value)
    assert caught.value.exit_code == 1
    assert "LiteLLM's proxy: ended before its time (exit code 1); nothing was changed" in text
    assert "no such setting; key (hidden)" in text
    assert path.read_bytes() == OLD
    assert beside(path) == {"backups": [], "unfinished": [], "others": []}
    assert [line["did"] for line in lines(path)] == ["not applied"]
    with pytest.raises(UsageError, match="was not put there"):
        previous(path)


def test_a_proxy_that_leaves_a_deployment_out_changes_nothing(path: Path) -> None:
    """It is healthy all the same, and would answer with an error."""
    with pytest.raises(NotApplied, match="comes up, but without deployments of the file: m; nothing was changed"):
        put(proposal(path), tried=proxy(WELL.replace('"m".split()', '"other".split()')))
    assert path.read_bytes() == OLD


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"x: !ours secret-of-ours\n", "could not determine a constructor for the tag '!ours' (line 10)"),
        ("x: secret\u2028of-ours\n".encode(), "could not find expected ':' (line 12)"),
    ],
)
def test_what_the_proxys_own_library_cannot_read_changes_nothing(path: Path, line: bytes, reason: str) -> None:
    """It takes less than our own reader does; the reason has nothing of the content."""
    with pytest.raises(NotApplied) as caught:
        put(proposal(path, after=NEW + line), tried=proxy(WELL))
    assert f"LiteLLM's proxy: cannot read the file: {reason}; nothing was changed" in str(caught.value)
    assert path.read_bytes() == OLD


def test_a_proxy_that_hangs_is_ended() -> None:
    """After a while it counts as one that does not come up."""
    with pytest.raises(HarnessError, match=r"was not ready after 0\.2 s"):
        asyncio.run(trial(proxy(HANGS), NEW, ready_s=0.2))


def test_two_people_at_once(path: Path) -> None:
    """The second one is told, and changes nothing."""
    with locked(path), pytest.raises(UsageError, match="somebody else is changing it right now"):
        put(proposal(path))
    assert path.read_bytes() == OLD
    put(proposal(path))  # the lock that is left blocks nobody


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_file_that_somebody_else_changed_stays_as_it_is(path: Path, when: str) -> None:
    """Since the difference was shown, or while the new file was tried."""
    theirs = OLD + b"# theirs\n"
    code = WELL if when == "before" else f"open({str(path)!r}, 'wb').write({theirs!r})\n{WELL}"
    if when == "before":
        path.write_bytes(theirs)
    with pytest.raises(UsageError, match="was changed by somebody else since the difference was shown"):
        put(proposal(path), tried=proxy(code))
    assert path.read_bytes() == theirs
    assert beside(path)["backups"] == []


def test_a_file_that_is_gone_by_now(path: Path) -> None:
    """It is not made anew."""
    path.unlink()
    with pytest.raises(UsageError, match="was changed by somebody else"):
        put(proposal(path))


def test_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    """What it leads to is changed; backup and log are there."""
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    real = placing.real_path(link)
    put(proposal(real))
    assert link.is_symlink()
    assert path.read_bytes() == link.read_bytes() == NEW
    assert len(beside(path)["backups"]) == 1


def test_a_file_with_two_names_is_refused(path: Path) -> None:
    """The other name would go on to hold what it was."""
    os.link(path, path.with_name("other.yaml"))
    with pytest.raises(UsageError, match="2 names"):
        placing.real_path(path)


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "no folder"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    """A pipe is not waited for."""
    path = tmp_path / "x.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path = tmp_path / "none" / "x.yaml"
    with pytest.raises(UsageError):
        placing.content(placing.real_path(path))


@contextmanager
def room(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a full disk; the system's words for that are `File too large`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 10, 300, 500])
def test_a_full_disk_changes_nothing(path: Path, size: int) -> None:
    """Wherever it is full: no half file, no half line in the log, nothing left over. 4 is the harness's own exit code."""
    put(proposal(path))
    put(previous(path))
    logged = audit(path).read_bytes()
    kept = beside(path)
    with room(size), pytest.raises(HarnessError, match="File too large; nothing was changed") as caught:
        put(proposal(path))
    assert caught.value.exit_code == 4
    assert path.read_bytes() == OLD
    assert audit(path).read_bytes() == logged
    assert beside(path) == kept


def test_the_log_that_does_not_fit_any_more_changes_nothing(path: Path) -> None:
    """A change that nobody can note does not take place; its backup is removed."""
    with audit(path).open("wb") as log:
        log.write(b"{}\n" * 300)
    with room(900), pytest.raises(HarnessError, match="File too large; nothing was changed"):
        put(proposal(path))
    assert path.read_bytes() == OLD
    assert audit(path).read_bytes() == b"{}\n" * 300
    assert beside(path) == {"backups": [], "unfinished": [], "others": []}


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_cannot_be_written_is_named(path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2. The administrator, as whom tests may run, can write everywhere: the system's answer is played."""
    real = os.open

    def refusing(name: Any, flags: int, *more: Any, **options: Any) -> int:
        if flags & os.O_CREAT and Path(name).parent == path.parent:
            raise OSError(number, os.strerror(number), str(name))
        return real(name, flags, *more, **options)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(UsageError, match="nothing was changed") as caught:
        put(proposal(path))
    assert str(path.parent) in str(caught.value.hint)
    assert path.read_bytes() == OLD


def test_a_file_that_is_mounted_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be put in its place; the hint says what to change."""

    def busy(_self: Path, _target: Path) -> Path:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(Path, "replace", busy)
    with pytest.raises(UsageError, match="cannot be replaced; nothing was changed") as caught:
        put(proposal(path))
    assert "mounted" in str(caught.value.hint)
    assert beside(path) == {"backups": [], "unfinished": [], "others": []}


def test_the_owner_stays_the_owner(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or nothing is changed: a gateway that cannot read its file any more does not start again."""
    owners: list[tuple[int, int]] = []
    owner = path.stat()
    monkeypatch.setattr(os, "geteuid", lambda: owner.st_uid + 1)
    monkeypatch.setattr(os, "chown", lambda _path, uid, gid: owners.append((uid, gid)))
    put(proposal(path))
    assert owners == [(owner.st_uid, owner.st_gid)]

    def refuse(*_arguments: Any) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(UsageError, match="belongs to somebody else"):
        put(proposal(path, NEW, OLD))
    assert path.read_bytes() == NEW
    assert beside(path)["unfinished"] == []


def test_killed_at_any_line_the_file_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    """At each line that applies or takes back: the file is whole, the log is right, and the next one is not blocked."""
    command = [sys.executable, "-m", "tests.experiment.chain_files.killed_child", str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name: result["problems"] for name, result in found.items()} == {"apply": [], "undo": []}
    assert all(result["lines"] > 50 for result in found.values())
