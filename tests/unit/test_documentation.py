"""What the documentation names exists, and what it tells people to type is understood."""

import importlib
import itertools
import re
import shlex
import subprocess

import pytest
from conftest import ROOT
from snakemake.cli import get_argument_parser

from study.cli.main import COMMANDS, parser_of

PAGES = [
    ROOT / name
    for name in ("README.md", "CONTRIBUTING.md", "config/README.md", "results/README.md")
]
PAGES += sorted((ROOT / "docs").glob("*.md"))


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text())
    for link in links:
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in {
                slug(text) for text in re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            }, link


def test_every_page_can_be_reached_from_the_readme():
    readme = (ROOT / "README.md").read_text()
    for page in PAGES[1:]:
        assert f"({page.relative_to(ROOT).as_posix()})" in readme, page


def commands() -> list[str]:
    """Return the commands that the pages show, in blocks and in running text, each once."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for block in re.findall(r"^```(?:bash|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            lines = [line.strip() for line in block.splitlines()]
            shown = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
            found += shown or lines
        found += re.findall(rf"`((?:{'|'.join(PROGRAMS)}) [^`]+)`", text)
    words = (shlex.split(one.replace("…", "X"), comments=True) for one in found)
    return sorted(
        {shlex.join(itertools.dropwhile(lambda word: "=" in word, line)) for line in words if line}
    )


PROGRAMS = ("snakemake", "study", "make", "python")
# What a shell and other programs do; that these do it is for others to test.
OTHERS = {"cd", "source", "export", "cp", "mv", "git", "tensorboard"}


def test_commands_are_understood_by_the_programs_that_they_call():
    shown = commands()
    assert len(shown) > 40
    for command in shown:
        program, *words = shlex.split(command)
        if program == "snakemake":
            get_argument_parser().parse_args(words)
        elif program == "study":
            if words[0] != "COMMAND":
                assert words[0] in COMMANDS, command
                parser_of(importlib.import_module(f"study.cli.{words[0]}"), words[0]).parse_args(
                    words[1:]
                )
        elif program == "make":
            subprocess.run(["make", "-n", *words], cwd=ROOT, check=True, capture_output=True)
        elif words[:3] == ["-m", "pip", "install"]:
            for name in (re.match(r"\.\[\w+\]|[\w-]+", word)[0] for word in words[3:]):
                extra = re.fullmatch(r"\.\[(\w+)\]", name)
                lock, project = (
                    (ROOT / file).read_text() for file in ("requirements.lock", "pyproject.toml")
                )
                assert f"\n{extra[1]} = [" in project if extra else f"\n{name}==" in lock, command
        elif program == "python":
            assert words[0] == "-c" or (ROOT / words[0]).is_file(), command
        else:
            assert program.lstrip("(") in OTHERS, command


@pytest.mark.workflow
def test_what_snakemake_is_asked_for_can_be_planned(project):
    parsed = [
        get_argument_parser().parse_args(shlex.split(one)[1:])
        for one in commands()
        if one.startswith("snakemake ")
    ]
    targets = {target for one in parsed for target in one.targets}
    # These two want files of people's votes and of claims, and this one the partitions of the
    # published studies.
    assert targets >= {
        "validate_hardness",
        "check_claims",
        "reproduce",
        "verify",
        "bundle",
        "results/summary.csv",
    }
    project.succeeds(
        "--dry-run",
        *sorted(targets - {"validate_hardness", "check_claims", "reproduce", "push", "pull"}),
    )
