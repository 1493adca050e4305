"""Answers that are written into a file: whole, whatever a run that was killed has left in the way."""

from __future__ import annotations

import os
from pathlib import Path

from console.cli.proof_files import write_answer, write_new


def test_a_pipe_or_a_link_by_the_name_of_a_part_is_taken_away_and_not_written_into(tmp_path: Path) -> None:
    for write in (write_answer, lambda path, data: write_new(path, data, 100)):
        for number in (1, 2):
            path, part = tmp_path / "answer", tmp_path / ".answer.part"
            if number == 1:
                os.mkfifo(part)
            else:
                (tmp_path / "other").write_bytes(b"another's")
                part.symlink_to("other")
            write(path, b"data")
            assert path.read_bytes() == b"data"
            assert not part.exists()
            path.unlink()
    assert (tmp_path / "other").read_bytes() == b"another's"
