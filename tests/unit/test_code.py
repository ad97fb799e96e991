"""Digests of code follow what the code does."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, assert_one_clear_line, forget_code

from study import code


@pytest.fixture
def package(tmp_path):
    """A script that imports one of two modules."""
    study = tmp_path / "study"
    study.mkdir()
    for name, text in {"__init__": "", "used": "VALUE = 1\n", "unused": "VALUE = 2\n"}.items():
        (study / f"{name}.py").write_text(text)
    for name in ("page", "other"):
        (study / f"{name}s").mkdir()
        (study / f"{name}s" / "__init__.py").write_text("")
        (study / f"{name}s" / "program.py").write_text("VALUE = 1\n")
        (study / f"{name}s" / "page.js").write_text("// a page\n")
    script = tmp_path / "script.py"
    script.write_text(
        "def main():\n    from study.pages.program import NAME\n"
        "    from study.used import VALUE\n    return VALUE, NAME\n"
    )
    return tmp_path


def digest_of(folder: Path, script: str = "script.py") -> str:
    forget_code()
    return code.code_digest(folder / script)


def test_line_ends_of_windows_are_no_other_code(package):
    (package / "study/used.py").write_text('VALUE = """a\n  text"""\n\nOTHER = 1 + \\\n    2\n')
    before = digest_of(package)
    for path in (file for file in package.rglob("*") if file.is_file()):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert digest_of(package) == before


@pytest.mark.parametrize(
    ("file", "addition", "changes"),
    [
        ("study/used.py", "VALUE = 3\n", True),
        ("script.py", "print()\n", True),
        ("study/unused.py", "VALUE = 3\n", False),
        ("study/used.py", "\n# a remark\n", False),
        ("study/pages/page.js", "run();\n", True),
        ("study/others/page.js", "run();\n", False),
        ("study/notes.md", "nothing reads this\n", False),
    ],
)
def test_the_digest_of_code_follows_what_the_code_does(package, file, addition, changes):
    before = digest_of(package)
    with (package / file).open("a") as stream:
        stream.write(addition)
    assert (digest_of(package) != before) is changes


JOB = """\
import argparse, pathlib, sys
sys.path.insert(0, {scripts!r})
from study.code import code_digest
from study.job import run_script

def main(arguments):
    pathlib.Path({changed!r}).open("a").write({addition!r})  # while torch is imported
    from study.wording import size
    print(size(1))

if __name__ == "__main__":
    run_script(argparse.ArgumentParser(), main)
"""


@pytest.mark.parametrize(("addition", "runs"), [("print('unplanned')\n", False), ("", True)])
def test_what_changes_before_it_is_imported_is_not_run(scripts, addition, runs):
    script, changed = scripts / "job.py", str(scripts / "study" / "wording.py")
    script.write_text(JOB.format(scripts=str(scripts), changed=changed, addition=addition))
    digest = digest_of(scripts, "job.py")
    done = subprocess.run(
        [sys.executable, script, "--code", digest], capture_output=True, text=True
    )
    if runs:
        assert (done.returncode, done.stdout) == (0, "1 bytes\n"), done.stderr
    else:
        assert done.returncode == 1 and not done.stdout
        assert_one_clear_line(done.stderr, "job.py or of what it imports has changed")


@pytest.mark.parametrize(
    "script",
    [
        "collect_trials", "common_test", "correct", "decode", "download", "embed", "lr_find",
        "measure", "partition", "predict", "probe", "resolve_recipe", "split", "take_weights",
        "train", "tune",
    ],
)  # fmt: skip
def test_no_word_or_colour_of_the_report_is_code_of_what_computes(script):
    files = [path.relative_to(ROOT) for path in code.code_files(ROOT / f"scripts/{script}.py")]
    assert not [path for path in files if path.is_relative_to("scripts/study/report")], script
