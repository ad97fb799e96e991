"""What is looked at before planning."""

import subprocess

import pytest

from study.audit import start


def test_commands_that_run_nothing_are_none_that_replace_something():
    for word in ("--lint", "--list-rules", "--unlock"):
        assert start.runs_nothing(["snakemake", "--cores", "1", word])
    assert not start.runs_nothing(["snakemake", "--cores", "1", "verify"])


@pytest.mark.parametrize(("end", "said"), [("kill -9 $$", True), ("exit 3", False)])
def test_a_job_that_is_killed_has_a_line(end, said):
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"bash -c '{end}' 2> /dev/null {start.say_if_killed()}"],
        capture_output=True, text=True,
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == (137 if said else 3) and len(lines) == said
    assert not said or ("memory" in lines[0] and " MB; run fewer" in lines[0])


def test_no_more_cores_are_counted_on_than_there_are(monkeypatch):
    monkeypatch.setattr(start, "machine", lambda: {"cpus": 2})
    assert [start.own_cores(n) for n in (1, 2, 4, None)] == [1, 2, 2, None]
