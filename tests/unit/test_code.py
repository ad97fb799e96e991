"""Digests of code follow what the code does."""

from pathlib import Path

import pytest

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


def digest_of(folder: Path) -> str:
    for function in (code.code_digest, code.imported_files, code._tree):
        function.cache_clear()
    return code.code_digest(folder / "script.py")


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
