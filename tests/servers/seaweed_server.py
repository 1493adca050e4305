"""A real SeaweedFS server with its S3 API, on free ports of this machine and with its data in a folder that is given.

    with SeaweedServer(folder) as server:
        store = ObjectStore(server.new_bucket("log"), server.credentials, REGION)

It is built from its Go module (`seaweed/go.mod`), once for each version, into a cache outside the repository; that takes
minutes, so it is done with CSAT_LEDGER_TEST_SOAK=1 alone. Later runs find it. Leaving the `with` block ends the process,
and a guard does so if the test process is killed.
"""

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from ledger.seal.object_store import Credentials, ObjectStore
from tests.servers.guard import Guard
from tests.servers.postgres import free_port
from tests.support.soak import SOAK

MODULE = Path(__file__).parent / "seaweed" / "go.mod"
COMMAND = "github.com/seaweedfs/seaweedfs/weed"
BUILD_TIMEOUT_S = 1800.0
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
GRPC_PORTS_LATER = 10_000
REGION = "us-east-1"
CREDENTIALS = Credentials("AKIDOFTHETESTS", "the-secret-of-the-tests")


class SeaweedUnavailable(Exception):
    """No server can be had here; the text says why."""


def fetch_server() -> Path:
    """The program, built when it is not there yet; one process builds, the others wait."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "csat-ledger"
    folder = root / f"seaweed-{hashlib.sha256(MODULE.read_bytes()).hexdigest()[:16]}"
    program = folder / "weed"
    if program.exists():
        return program
    if not SOAK:
        raise SeaweedUnavailable("no SeaweedFS was built here: CSAT_LEDGER_TEST_SOAK=1 builds it, which takes minutes")
    if not (go := shutil.which("go")):
        raise SeaweedUnavailable("no go found: the server is built from its Go module")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            shutil.copy(MODULE, folder / "go.mod")
            made = folder / "weed.part"
            built = subprocess.run(
                [go, "build", "-mod=mod", "-ldflags=-s -w", "-o", made, COMMAND],
                cwd=folder, env=os.environ | {"CGO_ENABLED": "0"}, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S,
                check=False,
            )  # fmt: skip
            if built.returncode:
                raise SeaweedUnavailable(f"SeaweedFS cannot be built: {built.stderr[-2000:]}")
            made.replace(program)
    return program


class SeaweedServer:
    """One server; nothing of it listens beyond this machine, and it reports nothing to anybody."""

    def __init__(self, folder: Path) -> None:
        self._program = fetch_server()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._ports: list[int] = []
        self.credentials = CREDENTIALS

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        who = {"accessKey": CREDENTIALS.key_id, "secretKey": CREDENTIALS.secret}
        identities = [{"name": "log", "credentials": [who], "actions": ["Admin", "Read", "Write", "List"]},
                      {"name": "anonymous", "actions": ["Read"]}]  # fmt: skip
        (self._folder / "s3.json").write_text(json.dumps({"identities": identities}))
        for _ in range(3):
            self._spawn()
            with contextlib.suppress(SeaweedUnavailable):
                self._wait()
                return self
            self._end()
        raise SeaweedUnavailable(f"SeaweedFS does not start: {(self._folder / 'weed.log').read_text()[-2000:]}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def kill(self) -> None:
        """kill -9."""
        assert self._process
        self._process.kill()
        self._process.wait(STOP_TIMEOUT_S)

    def new_bucket(self, name: str) -> str:
        """Makes a bucket; its URL."""
        url = f"{self.url}/{name}"
        store = ObjectStore(url, CREDENTIALS, REGION)
        headers = store._signed("PUT", f"/{name}", b"", {}, datetime.now(UTC))
        answer = store._client.ask("PUT", f"/{name}", 1 << 20, headers, b"")
        store.close()
        assert answer.status == 200, answer
        return url

    def _spawn(self) -> None:
        ports = {name: _port_of_two() for name in ("master", "volume", "filer")}
        self._port = _port_of_two()
        self._ports = [*ports.values(), self._port]
        flags = ["-dir", str(self._folder), "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.ip.bind=127.0.0.1", "-filer", "-s3",
                 *(f"-{name}.port={port}" for name, port in ports.items()), f"-s3.port={self._port}", "-s3.port.iceberg=0",
                 "-s3.port.lance=0", f"-s3.config={self._folder / 's3.json'}", "-master.telemetry=false", "-volume.max=100",
                 "-master.volumeSizeLimitMB=64"]  # fmt: skip
        with (self._folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "server", *flags], stdout=log, stderr=log, cwd=self._folder
            )
        Guard.get().watch(self._process.pid)

    def _wait(self) -> None:
        """Returns once it takes writes: its volumes come a little after its ports."""
        assert self._process
        end_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end_s and self._process.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/")
                if connection.getresponse().status < 500:
                    return
            connection.close()
            time.sleep(0.2)
        raise SeaweedUnavailable("no answer")

    def _end(self) -> None:
        if self._process is None:
            return
        self.kill()  # what it holds is thrown away
        Guard.get().forget(self._process.pid)
        self._process = None
        for port in self._ports:
            for name in (f"seaweedfs-*-{port}.sock", f"seaweedfs-*-grpc-{port + GRPC_PORTS_LATER}.sock"):
                for socket in Path("/tmp").glob(name):
                    socket.unlink(missing_ok=True)


def _port_of_two() -> int:
    """A free port whose companion for gRPC can be one too."""
    while (port := free_port()) + GRPC_PORTS_LATER > 65_535:
        pass
    return port
