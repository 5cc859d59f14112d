"""Hosts: real sshd's on loopback addresses, each with a home and a runtime folder of its own."""

from __future__ import annotations

import contextlib
import getpass
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.support.daemon import UNIT_S, eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

HAS_SSH = "ZYGOTE_TEST_NO_SSHD" not in os.environ and shutil.which("ssh") and shutil.which("ssh-keygen")
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") if HAS_SSH else None
IS_THERE = importlib.util.find_spec("distributed") and sys.platform == "linux"
WHY_NONE = "" if IS_THERE else "the extra `cluster` is not installed"
WHY_NO_SSHD = "" if SSHD else "there is no sshd"
STAND_IN = """\
#!/bin/sh
# Where there is no sshd: what the real ssh does, on this machine alone, with the environment of the host.
while :; do
    case $1 in
        -T) shift ;;
        -o) shift 2 ;;
        -R) port=${{2##*:}}; shift 2 ;;
        *) break ;;
    esac
done
home={folder}/$1; shift
[ -e "$home/off" ] && echo "ssh: Connection refused" >&2 && exit 255
echo "Allocated port $port for remote forward to 127.0.0.1:$port" >&2
exec env -i PATH="$PATH" HOME="$home" XDG_RUNTIME_DIR="$home/run" TMPDIR="$home/tmp" \
    SPT_NOENV=1 {coverage}="${coverage}" sh -c "$*"
"""
COVERAGE = "COVERAGE_PROCESS_CONFIG"
"""Environment key by which coverage measures processes there, too."""


class Host:
    """One host.

    Attributes:
        name: by which ssh knows it.
        home: of its user.
    """

    def __init__(self, name: str, address: str, folder: Path) -> None:
        """Start its sshd."""
        self.name, self.address, self.home = name, address, folder / name
        self._folder = folder
        (self.home / "run").mkdir(parents=True, mode=0o700)
        (self.home / "tmp").mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        if SSHD:
            self.port = _free_port(address)
            self._key = _make_key(folder / f"{name}_host")
            self.start()

    def start(self) -> None:
        """Listen."""
        assert SSHD is not None
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where an sshd of root wants to be
        environ = f"SPT_NOENV=1 HOME={self.home} XDG_RUNTIME_DIR={self.home / 'run'} TMPDIR={self.home / 'tmp'}"
        config = self._folder / f"{self.name}.conf"
        lines = [
            f"ListenAddress {self.address}",
            f"Port {self.port}",
            f"HostKey {self._key}",
            f"AuthorizedKeysFile {self._folder / 'client.pub'}",
            "StrictModes no",
            "UsePAM no",
            "PidFile none",
            "PermitRootLogin yes",
            f"SetEnv {environ}",
            f"AcceptEnv {COVERAGE}",
        ]
        config.write_text("\n".join(lines) + "\n")
        log = (self._folder / f"{self.name}.log").open("ab")
        self._process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=log)
        log.close()
        eventually(self._listens, f"{self.name} listens")

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self.address, self.port), UNIT_S):
            return True
        return False

    def processes(self) -> list[psutil.Process]:
        """Return the processes that have the home of this host."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("HOME") == str(self.home):
                    found.append(process)
        return found

    def stop(self) -> None:
        """End the sshd, and all that runs on the host."""
        (self.home / "off").touch()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()


class Hosts:
    """Some hosts, and the ssh that knows them.

    Attributes:
        folder: of all that they have.
        environ: with which a command reaches them.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """Start them."""
        self.folder = folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="z"))  # short, as paths of sockets must be
        self.hosts = {name: Host(name, f"127.0.0.{at}", folder) for at, name in enumerate(names, 2)}
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        command = bin_folder / "ssh"
        stand_in = STAND_IN.format(folder=folder, coverage=COVERAGE)
        command.write_text(self._real_ssh() if SSHD else stand_in)
        command.chmod(0o755)
        self.environ = {"PATH": f"{bin_folder}:{os.environ['PATH']}"}

    def _real_ssh(self) -> str:
        """Return a script that calls ssh, which knows the hosts, and these alone."""
        folder = self.folder
        client = _make_key(folder / "client")
        known = folder / "known_hosts"
        known.write_text(
            "".join(
                f"[{host.address}]:{host.port} {(folder / f'{name}_host.pub').read_text()}"
                for name, host in self.hosts.items()
            )
        )
        config = folder / "ssh_config"
        config.write_text(
            "".join(
                f"Host {name}\n  HostName {host.address}\n  Port {host.port}\n  User {getpass.getuser()}\n"
                f"  IdentityFile {client}\n  IdentitiesOnly yes\n  UserKnownHostsFile {known}\n"
                f"  GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n  SendEnv {COVERAGE}\n"
                for name, host in self.hosts.items()
            )
        )
        return f'#!/bin/sh\nexec {shutil.which("ssh")} -F {config} "$@"\n'

    def stop(self) -> None:
        """End all of them."""
        for host in self.hosts.values():
            host.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _make_key(path: Path) -> Path:
    subprocess.run(
        [shutil.which("ssh-keygen") or "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True
    )
    return path


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
