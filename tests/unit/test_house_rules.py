"""The rules of the house that a machine can check: sizes, names, flags."""

import ast
import re
import subprocess

from conftest import ROOT

RULES = sorted((ROOT / "workflow/rules").glob("*.smk"))
INPUTS = sorted((ROOT / "workflow/inputs").glob("*.smk"))


def tracked(*patterns: str) -> list:
    """Return the files of the repository that match; all of them where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *patterns],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    names = listed.stdout.split("\n") if listed.returncode == 0 else []
    paths = [ROOT / name for name in names if name] or [
        path for pattern in patterns for path in ROOT.rglob(pattern)
    ]
    return sorted(path for path in paths if path.is_file() and ".venv" not in path.parts)


def test_no_function_is_longer_than_sixty_lines():
    long = [
        f"{path.relative_to(ROOT)}::{node.name}, {node.end_lineno - node.lineno + 1} lines"
        for path in tracked("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= 60
    ]
    assert not long


def rules() -> dict[str, str]:
    """Return the text of each rule, by its name."""
    text = "\n\n".join(path.read_text() for path in RULES)
    parts = re.split(r"^(?:rule|checkpoint) (\w+):$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_there_are_eight_rule_files_and_the_common_one_is_short():
    names = ["common", "data", "models", "runs", "aggregate", "reproduce", "audit", "cluster"]
    assert [path.stem for path in RULES] == sorted(names)
    assert len((ROOT / "workflow/rules/common.smk").read_text().splitlines()) <= 200


def test_what_rules_take_is_worked_out_beside_each_file_of_rules():
    names = {path.name for path in RULES}
    assert INPUTS and all(path.name in names for path in INPUTS)
    for path in INPUTS:
        rules_of_it = (ROOT / "workflow/rules" / path.name).read_text()
        assert rules_of_it.startswith(f'include: "../inputs/{path.name}"\n'), path


def test_what_jobs_run_again_for_is_no_function_of_their_inputs():
    """Snakemake does not record such a parameter: a setting in it would run nothing again."""
    taking = re.compile(r"def (\w+)\(.*\b(?:input|output|threads|resources)\b.*\):$", re.MULTILINE)
    assert not [name for path in [*RULES, *INPUTS] for name in taking.findall(path.read_text())]


def test_a_shell_command_has_one_flag_a_line():
    crowded = [
        line.strip()
        for text in rules().values()
        for line in text.splitlines()
        if line.startswith('        "') and len(re.findall(r" --[a-z]", line)) > 1
    ]
    assert not crowded


def test_a_rule_has_the_name_of_its_script():
    other = {}
    for name, text in rules().items():
        scripts = set(re.findall(r"\$STUDY_SCRIPTS/(\w+)\.py", text))
        if scripts and name not in scripts:
            other[name] = scripts
    # Two rules may share one script; then one of them bears its name.
    # `unbundle.py` is a command by itself too, and `pull` is what calls it.
    assert {script for scripts in other.values() for script in scripts} <= {*rules(), "unbundle"}, (
        other
    )


def test_nothing_takes_places_apart_that_the_results_tree_knows():
    for path in [*RULES, *INPUTS, *(ROOT / "scripts").rglob("*.py")]:
        for banned in ("--folder", "$(dirname", "tuple[str, str, int]"):
            assert banned not in path.read_text(), (path, banned)


def test_no_two_files_of_rules_define_the_same_name():
    """They share one namespace, in which the later definition would silently win."""
    files = sorted((ROOT / "workflow").rglob("*.smk"))
    names = [
        name
        for path in files
        for name in re.findall(r"^(?:def|class) (\w+)", path.read_text(), re.MULTILINE)
    ]
    assert names and sorted(names) == sorted(set(names))
