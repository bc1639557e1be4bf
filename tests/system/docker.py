"""A Docker daemon for tests: the machine's own, or one of Debian's packages that is started by hand; and images without a registry."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.live.toxiproxy import provision
from tests.polling import until

PACKAGES = ("docker.io", "containerd", "runc", "tini", "libdevmapper1.02.1", "mmdebstrap")
MIRROR = "deb http://deb.debian.org/debian bookworm main"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PUBLIC = "python:3.12-slim"
START_S = 60
BUILD_S = 1800


class NotPossibleError(Exception):
    """Nothing can be composed here; the text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Docker:
    """A daemon that answers.

    Attributes:
        environ: What its command line and Compose need.
        tools: Where Debian's packages are unpacked; None with the machine's own daemon.
    """

    environ: dict[str, str]
    tools: Path | None

    def __call__(self, *words: str, folder: Path | None = None, timeout_s: float = 300, check: bool = True) -> str:
        """Run `docker` and return what it prints."""
        return _run(["docker", *words], environ=self.environ, folder=folder, timeout_s=timeout_s, check=check)

    def base(self) -> str:
        """Return an image with Python: the public one, or one made of Debian's packages.

        Raises:
            NotPossibleError: There is neither.
        """
        for words in ("image", "inspect", PUBLIC), ("pull", "--quiet", PUBLIC):
            with contextlib.suppress(NotPossibleError):
                self(*words)
                return PUBLIC
        if self.tools is None:
            raise NotPossibleError(f"{PUBLIC} cannot be pulled")
        root = self.tools.parent / "base.tar"
        left_out = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")]
        hook = f"--customize-hook=copy-in {CERTIFICATES} {CERTIFICATES.parent}"
        wanted = "--include=python3,python3-venv,ca-certificates"
        command = ["mmdebstrap", "--variant=minbase", wanted, *left_out, hook, "bookworm", str(root), MIRROR]
        _run(command, environ=self.environ, timeout_s=BUILD_S)
        settings = f"ENV PATH=/usr/local/bin:/usr/bin:/bin SSL_CERT_FILE={CERTIFICATES} PIP_CERT={CERTIFICATES}"
        self("import", "--change", settings, str(root), "harness-test-base")
        return "harness-test-base"

    def toxiproxy(self, folder: Path) -> str:
        """Return an image with nothing but Toxiproxy's program."""
        archive = folder / "toxiproxy.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(provision().path, arcname="toxiproxy")
        self("import", str(archive), "harness-test-toxiproxy")
        return "harness-test-toxiproxy"

    def build(self, tag: str, folder: Path, **arguments: str) -> None:
        """Build an image; the build uses the machine's own network."""
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        self("build", "--network", "host", *given, "--tag", tag, str(folder), timeout_s=BUILD_S)


@contextlib.contextmanager
def docker() -> Iterator[Docker]:
    """Give a daemon; one that was started here ends, and leaves nothing behind.

    Raises:
        NotPossibleError: There is none, and none can be started.
    """
    environ = {**os.environ, "DOCKER_BUILDKIT": "0"}  # its successor is a package of its own
    with contextlib.suppress(NotPossibleError):
        _run(["docker", "info"], environ=environ)
        yield Docker(environ=environ, tools=None)
        return
    if platform.system() != "Linux" or os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NotPossibleError("no Docker daemon answers, and only root on Debian can start one here")
    with tempfile.TemporaryDirectory(prefix="harness-docker-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        tools = folder / "tools"
        _run(["apt-get", "download", *PACKAGES], environ=environ, folder=folder)
        for package in folder.glob("*.deb"):
            _run(["dpkg", "-x", str(package), str(tools)], environ=environ)
        environ |= {
            "PATH": f"{tools}/usr/bin:{tools}/usr/sbin:{environ['PATH']}:/usr/sbin:/sbin",
            "LD_LIBRARY_PATH": f"{tools}/lib/{platform.machine()}-linux-gnu",
            "DOCKER_HOST": f"unix://{folder}/docker.sock",
        }
        with _dockerd(folder, environ):
            yield Docker(environ=environ, tools=tools)


@contextlib.contextmanager
def _dockerd(folder: Path, environ: dict[str, str]) -> Iterator[None]:
    """Run a daemon that leaves the machine's network as it is: its containers have a loopback and no more."""
    network = ("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false", "--bridge=none")
    places = (f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid")
    command = ["dockerd", *network, *places, "--storage-driver=overlay2", f"--host={environ['DOCKER_HOST']}"]
    log = folder / "dockerd.log"
    with log.open("wb") as output:
        daemon = subprocess.Popen(command, env=environ, stdout=output, stderr=output, start_new_session=True)

    def answers() -> bool:
        if daemon.poll() is not None:
            raise NotPossibleError(f"dockerd does not start: {log.read_text().strip().splitlines()[-1][:300]}")
        with contextlib.suppress(NotPossibleError):
            _run(["docker", "info"], environ=environ)
            return True
        return False

    try:
        until(answers, within_s=START_S, every_s=0.2, what="dockerd answers")
        yield
    finally:
        daemon.terminate()
        daemon.wait(60)
        for left in (folder / "exec" / "netns").glob(
            "*"
        ):  # mounts that it leaves would keep the folder from being removed
            subprocess.run(["umount", str(left)], capture_output=True, check=False)


def _run(
    command: Sequence[str],
    *,
    environ: dict[str, str],
    folder: Path | None = None,
    timeout_s: float = 300,
    check: bool = True,
) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise NotPossibleError(f"{command[0]}: {problem}") from None
    if check and done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise NotPossibleError(f"{' '.join(command[:3])} failed: {lines[-1][:300] if lines else 'no output'}")
    return done.stdout + done.stderr
