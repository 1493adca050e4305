"""A real Apache Kafka broker for tests: one node in KRaft mode, on free ports, with its log in a temporary folder.

    with KafkaBroker() as broker:
        broker.create_topic("facts", partitions=4)
        ... bootstrap_servers=broker.bootstrap ...
        broker.kill()                      # kill -9
        broker.start()                     # same port, same log

The jars come by Maven, once for each version of `kafka/pom.xml`, into a cache outside the repository. Leaving the
`with` block removes process and folder, and a guard does so if the test process is killed.
"""

import contextlib
import fcntl
import hashlib
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from kafka import KafkaAdminClient
from kafka.errors import UnknownTopicOrPartitionError

from tests.servers.guard import Guard

POM = Path(__file__).parent / "kafka" / "pom.xml"
FETCH_TIMEOUT_S = 600.0
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
PORT_ATTEMPTS_MAX = 5
READY_LINE = "Kafka Server started"

# A small machine and one client at a time: what a cluster needs for load and safety is taken down to one of each.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "background.threads": "2",
    "num.recovery.threads.per.data.dir": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # A killed broker is let in again when its old session has run out: with the default, that takes nine seconds.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "400",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "log.cleaner.dedupe.buffer.size": "8388608",
    "log.cleaner.backoff.ms": "500",
    "log.index.size.max.bytes": "1048576",
}
JAVA_OPTIONS = (
    "-Xms96m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",  # it would leave a file in the common temporary folder
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)


class KafkaUnavailable(Exception):
    """No broker can be had here; the text says why."""


def broker_version() -> str:
    found = re.search(r"<kafka\.version>(.+?)</kafka\.version>", POM.read_text())
    assert found, f"{POM} names no kafka.version"
    return found[1]


def java_command() -> str:
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").exists():
        return str(Path(home) / "bin" / "java")
    if found := shutil.which("java"):
        return found
    raise KafkaUnavailable("no java found: the broker needs a Java runtime, 17 or later")


def fetch_jars() -> Path:
    """The folder with the broker's jars, fetched when it is not there yet; one process fetches, the others wait."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "csat-ledger"
    folder = root / f"kafka-{broker_version()}"
    complete = folder / f"complete-{hashlib.sha256(POM.read_bytes()).hexdigest()[:16]}"
    if complete.exists():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if complete.exists():
            return folder
        maven = shutil.which("mvn")
        if maven is None:
            raise KafkaUnavailable("no mvn found: the broker's jars come by Maven")
        shutil.rmtree(folder, ignore_errors=True)
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
        command = [maven, "--batch-mode", "--quiet", "--file", str(POM), *goal]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False)
        if done.returncode != 0:
            raise KafkaUnavailable(
                f"Maven could not fetch the broker's jars:\n{done.stdout[-2000:]}{done.stderr[-1000:]}"
            )
        complete.touch()
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Topics:
    """Creating and deleting topics; what the broker that we start and one that is named from outside have in common."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._numbers = itertools.count(1)

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        with self._admin() as admin:
            wanted = {"num_partitions": partitions, "replication_factor": 1, "configs": dict(config or {})}
            admin.create_topics({name: wanted}, wait_for_metadata=True)
        return name

    def delete_topic(self, name: str) -> None:
        with self._admin() as admin, contextlib.suppress(UnknownTopicOrPartitionError):
            admin.delete_topics([name])

    def topics(self) -> list[str]:
        with self._admin() as admin:
            return sorted(name for name in admin.list_topics() if not name.startswith("__"))

    def fresh_name(self, stem: str) -> str:
        return f"{stem}-{uuid.uuid4().hex[:8]}-{next(self._numbers)}"

    @contextlib.contextmanager
    def _admin(self) -> Iterator[KafkaAdminClient]:
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            yield admin
        finally:
            admin.close()


class ForeignKafka(Topics):
    """The broker that `CSAT_LEDGER_TEST_KAFKA` names: topics come and go on it, the broker itself is left alone."""


class KafkaBroker(Topics):
    """One broker: its folder, its ports and, while it runs, its process."""

    def __init__(self, settings: Mapping[str, str] | None = None, java_options: tuple[str, ...] = ()) -> None:
        self._java = java_command()
        self._jars = fetch_jars()
        self._settings = SETTINGS | dict(settings or {})
        self._java_options = JAVA_OPTIONS + java_options
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="csat-kafka-"))
        Guard.get().folder(self.folder)
        self._properties = self.folder / "server.properties"
        self._log = self.folder / "server.log"
        self._choose_ports()
        try:
            self._format()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def version(self) -> str:
        return broker_version()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.running else None

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Starts the broker and waits until it takes requests."""
        assert not self.running, "the broker runs already"
        for attempt in range(PORT_ATTEMPTS_MAX):
            self._spawn()
            try:
                self._await_ready()
                return
            except KafkaUnavailable:
                fresh = not (self.folder / "started").exists()
                if attempt + 1 == PORT_ATTEMPTS_MAX or not fresh or "Address already in use" not in self.log:
                    raise
                self._choose_ports()  # somebody took a port between our look and the start

    def stop(self) -> None:
        """An orderly stop, with a clean shutdown of the log."""
        if self._process is not None:
            self._process.terminate()
            self._reap(STOP_TIMEOUT_S)

    def kill(self) -> None:
        """kill -9: what was acknowledged is in the page cache and survives; the log is recovered at the next start."""
        if self._process is not None:
            self._process.kill()
            self._reap(STOP_TIMEOUT_S)

    def pause(self) -> None:
        """Stops the clock of the broker (SIGSTOP): it is there, but it does not answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """Ends the broker, whatever its state, and removes everything it had."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _choose_ports(self) -> None:
        port, controller_port = free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        Topics.__init__(self, self.bootstrap)
        placed = {
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
            "log.dirs": str(self.folder / "data"),
        }
        lines = [f"{name}={value}\n" for name, value in (self._settings | placed).items()]
        self._properties.write_text("".join(lines))

    def _command(self, main: str, *arguments: str) -> list[str]:
        temporary = f"-Djava.io.tmpdir={self.folder}"
        return [self._java, *self._java_options, temporary, "-cp", f"{self._jars}/*", main, *arguments]

    def _format(self) -> None:
        cluster = ["format", "--cluster-id", "Y3NhdC1sZWRnZXItdGVzdA", "--config", str(self._properties)]
        done = subprocess.run(
            self._command("kafka.tools.StorageTool", *cluster), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise KafkaUnavailable(
                f"the log folder could not be formatted:\n{done.stdout[-1000:]}{done.stderr[-2000:]}"
            )

    def _spawn(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._properties)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        Guard.get().watch(self._process.pid, signal.SIGKILL)

    def _await_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if READY_LINE in self.log:
                (self.folder / "started").touch()
                return
            if self._process.poll() is not None:
                raise KafkaUnavailable(f"the broker ended with code {self._process.returncode}:\n{self.log[-3000:]}")
            time.sleep(0.02)
        self.kill()
        raise KafkaUnavailable(f"the broker was not ready within {START_TIMEOUT_S:g} s:\n{self.log[-3000:]}")

    def _reap(self, timeout_s: float) -> None:
        assert self._process is not None
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        Guard.get().forget(self._process.pid)
        self._process = None
