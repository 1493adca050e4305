"""What needs much memory is not begun where there is too little: it would end the whole service."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from console.http import memory_room
from console.http.memory_room import require_room
from console.http.problems import Problem
from tests.console.http.process import service_process
from tests.console.support import met


@pytest.mark.slow
def test_figures_are_tried_with_none_of_the_services_memory(tmp_path: Path) -> None:
    """The library ended the service where memory did (SIGABRT), or it was a fault: one question of an auditor was enough."""
    with service_process(tmp_path, "--dev", "--no-console") as served:
        operator, auditor = served.token("--role", "operator"), served.token("--role", "auditor")
        assert served.post("/v1/facts", met(), operator).status_code == 200
        pid = served.process.pid
        used = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (used + (64 << 20), hard))
        path = "/v1/what-if?edition=%7B%22min_responses%22%3A5%7D"
        assert served.get(path, auditor).status_code == 200
        assert served.get("/v1/memberships", auditor).status_code == 200
        assert served.stop()[0] == 0


@pytest.mark.parametrize(
    ("bound", "anon", "missing"),
    [("max", 900, False), ("1000", 100, False), ("1000", 500, True), ("1000", 1_200, True)],
)
def test_the_bound_of_a_container_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, anon: int, missing: bool
) -> None:
    (tmp_path / "memory.max").write_text(f"{bound}\n")
    (tmp_path / "memory.stat").write_text(f"anon {anon}\nfile 99\nkernel 10\n")
    monkeypatch.setattr(memory_room, "CGROUP", tmp_path)
    if missing:
        with pytest.raises(Problem, match="503 no-memory"):
            require_room(600)
    else:
        require_room(600)


def test_nothing_has_more_memory_than_the_machine() -> None:
    require_room(1)
    with pytest.raises(Problem, match="503 no-memory"):
        require_room(1 << 60)
