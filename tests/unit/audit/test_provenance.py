"""What produced a result."""

import subprocess

from study.audit.provenance import repository


def test_the_commit_is_that_of_the_project_itself(tmp_path):
    assert repository(tmp_path) == {"commit": None, "dirty": None, "lock": None}

    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True
        )

    git("init")
    (tmp_path / "requirements.lock").write_text("a==1\n")
    git("add", "requirements.lock")
    git("commit", "--message", "first")
    clean = repository(tmp_path)
    assert len(clean["commit"]) == 40 and clean["dirty"] is False and len(clean["lock"]) == 64
    for name, commit in (("inner", None), ("0" * 40, "0" * 40)):
        (tmp_path / name).mkdir()
        assert repository(tmp_path / name)["commit"] == commit
    (tmp_path / "requirements.lock").write_bytes(b"a==1\r\n")
    assert repository(tmp_path)["lock"] == clean["lock"]
    (tmp_path / "requirements.lock").write_text("b")
    changed = repository(tmp_path)
    assert (
        changed["commit"] == clean["commit"]
        and changed["dirty"]
        and changed["lock"] != clean["lock"]
    )
