"""A study as one file, and what may be wrong with such a file."""

import base64
import errno
import io
import json
import os
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from conftest import assert_one_clear_line, clean_environment, run_script

from study.audit import bundles
from study.audit.bundles import (
    abandoned_bundles,
    files_of_study,
    names_in_project,
    passing_bundle,
    read_bundle,
    write_bundle,
)
from study.errors import StudyError, escaped


@pytest.fixture
def project(tmp_path):
    project = tmp_path / "here"
    for name in (
        "results/summary.csv", "results/runs/v1/a b/seed1/run.json", "results/scratch/c.pt",
        "results/data/raw/archive", "results/README.md",
        "results/reference/x.csv", ".snakemake/metadata/cmVz", ".snakemake/log/l", "my_study.yaml",
        "config/config.yaml",
    ):  # fmt: skip
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("seeds: [1]" if "yaml" in name else f"content of {name}")
        os.utime(project / name, (1_700_000_000, 1_700_000_000))
    (tmp_path / "cached").write_text("trained once")
    (project / "results/runs/v1/a b/seed1/model.safetensors").symlink_to(tmp_path / "cached")
    return project


INSIDE = [
    ".snakemake/metadata/cmVz", "my_study.yaml", "results/runs/v1/a b/seed1/model.safetensors",
    "results/runs/v1/a b/seed1/run.json", "results/summary.csv",
]  # fmt: skip


@pytest.fixture
def bundle(project, tmp_path):
    path = tmp_path / "study.tar.gz"
    write_bundle(
        path,
        project,
        files_of_study(project, ["my_study.yaml"]),
        {"configfiles": ["my_study.yaml"]},
    )
    return path


def test_a_bundle_has_results_records_and_configuration_and_keeps_their_times(
    bundle, project, tmp_path
):
    there = tmp_path / "there"
    assert list(read_bundle(bundle, there)["files"]) == INSIDE
    assert (
        sorted(str(path.relative_to(there)) for path in there.rglob("*") if path.is_file())
        == INSIDE
    )
    for name in INSIDE:
        assert (there / name).read_bytes() == (project / name).read_bytes()
        assert not (there / name).is_symlink()
        assert (there / name).stat().st_mtime == pytest.approx(
            (project / name).stat().st_mtime, abs=1e-5
        )
    read_bundle(bundle, there)  # the same once more harms nothing


def test_a_configuration_outside_the_project_stays_there(project, tmp_path):
    (tmp_path / "elsewhere.yaml").write_text("")
    assert "../elsewhere.yaml" not in files_of_study(project, ["../elsewhere.yaml"])


def test_nothing_that_differs_is_replaced(bundle, tmp_path):
    there = tmp_path / "there"
    (there / "results").mkdir(parents=True)
    (there / "results/summary.csv").write_text("another study")
    failed = run_script("unbundle.py", bundle, "--project", there, check=False)
    assert_one_clear_line(
        failed.stderr, "results/summary.csv is here already and differs", "move results/ away"
    )
    assert [path.name for path in there.rglob("*") if path.is_file()] == ["summary.csv"]
    assert (there / "results/summary.csv").read_text() == "another study"


@pytest.mark.parametrize(("sent", "here"), [(b"\n", b"\r\n"), (b"\r\n", b"\n")])
def test_a_configuration_with_the_line_ends_of_windows_is_the_same(project, tmp_path, sent, here):
    there = tmp_path / "there/my_study.yaml"
    there.parent.mkdir()
    for path, end in ((project / "my_study.yaml", sent), (there, here)):
        path.write_bytes(b"seeds: [1]" + end + b"models: [cnn2]" + end)
    before = there.read_bytes()
    write_bundle(tmp_path / "b", project, ["my_study.yaml"], {"configfiles": ["my_study.yaml"]})
    read_bundle(tmp_path / "b", there.parent)
    assert there.read_bytes() == before
    there.write_bytes(before.replace(b"1", b"2"))
    with pytest.raises(StudyError, match="is here already and differs"):
        read_bundle(tmp_path / "b", there.parent)


def rewritten(bundle, change):
    """Write the bundle again, its members passed through `change(name, content)`."""
    with tarfile.open(bundle) as archive:
        members = [(member.name, archive.extractfile(member).read()) for member in archive]
    with tarfile.open(bundle, "w:gz") as archive:
        for name, content in members:
            for new_name, new_content in change(name, content):
                member = tarfile.TarInfo(new_name)
                member.size = len(new_content)
                archive.addfile(member, io.BytesIO(new_content))


def naming_a_place_outside(name, content):
    """Have a file outside the project that the list of files names too."""
    if name != "bundle.json":
        return [(name, content)]
    manifest = json.loads(content)
    manifest["files"]["../evil"] = "0" * 64
    return [(name, json.dumps(manifest).encode()), ("../evil", b"")]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda name, content: [(name, content + b"!" if name.endswith("run.json") else content)],
            "sha256 differs"),
        (lambda name, content: [] if name.endswith("summary.csv") else [(name, content)],
            "results/summary.csv is missing"),
        (lambda name, content: [(name, content), ("../evil", b"")],
            "'../evil', which no bundle has"),
        (naming_a_place_outside, "'../evil', which no bundle has"),
        (lambda name, content: [] if name == "bundle.json" else [(name, content)],
            "is no bundle of a study"),
        (lambda name, content: [(name, b"{" if name == "bundle.json" else content)],
            "damaged (JSONDecodeError)"),
    ],
)  # fmt: skip
def test_a_tampered_bundle_leaves_nothing_behind(bundle, tmp_path, change, complaint):
    rewritten(bundle, change)
    there = tmp_path / "there"
    there.mkdir()
    failed = run_script("unbundle.py", bundle, "--project", there, check=False)
    assert_one_clear_line(failed.stderr, "study.tar.gz", complaint, "ask for the file once more")
    assert list(there.iterdir()) == [] and not (tmp_path / "evil").exists()


@pytest.mark.parametrize("share", [0, 0.1, 0.6, "all but one byte"])
def test_a_cut_bundle_is_refused(bundle, tmp_path, share):
    content = bundle.read_bytes()
    bundle.write_bytes(content[: -1 if share == "all but one byte" else int(share * len(content))])
    there = tmp_path / "there"
    there.mkdir()
    failed = run_script("unbundle.py", bundle, "--project", there, check=False)
    assert_one_clear_line(failed.stderr, "study.tar.gz", "ask for the file once more")
    assert list(there.iterdir()) == []


def all_below(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_a_place_that_is_taken_leaves_the_project_as_it_was(bundle, tmp_path):
    there = tmp_path / "there"
    (there / "results").mkdir(parents=True)
    (there / ".snakemake/metadata").mkdir(parents=True)
    (there / ".snakemake/metadata/cmVz").write_text("here before")
    (there / "results/runs").write_text("a file where a folder has to be")
    before = all_below(there)
    with pytest.raises(OSError):
        read_bundle(bundle, there)
    assert all_below(there) == before


def test_an_interruption_leaves_the_project_as_it_was(bundle, tmp_path, monkeypatch):
    there, moves, move = tmp_path / "there", [], bundles._move
    there.mkdir()

    def interrupted(source, target):
        moves.append(target)
        if len(moves) == 4:
            raise KeyboardInterrupt
        move(source, target)

    monkeypatch.setattr(bundles, "_move", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_bundle(bundle, there)
    assert len(moves) == 4 and not list(there.iterdir())


def test_results_on_another_disk_arrive_whole(bundle, project, tmp_path, monkeypatch):
    there, replace = tmp_path / "there", Path.replace
    (tmp_path / "disk/results").mkdir(parents=True)
    (tmp_path / "disk/runs").mkdir()
    there.mkdir()
    (there / "results").symlink_to(tmp_path / "disk/results")
    (there / "results/runs").symlink_to(tmp_path / "disk/runs")

    def disk(path):
        folder = path.parent.resolve()
        disks = (there, tmp_path / "disk/results", tmp_path / "disk/runs")
        return [folder.is_relative_to(one) for one in disks]

    def across_disks(source, target):
        if disk(source) != disk(Path(target)):
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(source))
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", across_disks)
    read_bundle(bundle, there)
    for name in INSIDE:
        assert (there / name).read_bytes() == (project / name).read_bytes()
        assert (there / name).stat().st_mtime == pytest.approx(
            (project / name).stat().st_mtime, abs=1e-5
        )
    left = {str(path.relative_to(tmp_path / "disk")) for path in (tmp_path / "disk").rglob(".*")}
    assert not left and (there / "results").is_symlink()


def test_a_link_to_nowhere_is_not_written_through(bundle, tmp_path):
    there = tmp_path / "there"
    (there / "results").mkdir(parents=True)
    (there / "results/summary.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(StudyError, match="is here already and differs"):
        read_bundle(bundle, there)
    assert not (tmp_path / "elsewhere.csv").exists()


def test_a_record_of_a_file_that_is_only_here_is_not_replaced(project, tmp_path):
    names = [
        f".snakemake/metadata/{base64.urlsafe_b64encode(name.encode()).decode()}"
        for name in ("results/summary.csv", "results/data/raw/archive")
    ]
    for name in names:
        (project / name).write_text('{"of": "the sender"}')
    write_bundle(tmp_path / "b", project, [*names, "results/summary.csv"], {})
    there = tmp_path / "there"
    for name in (*names, "results/data/raw/archive"):
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_text('{"of": "mine"}')
    read_bundle(tmp_path / "b", there)
    assert [json.loads((there / name).read_text())["of"] for name in names] == [
        "the sender",
        "mine",
    ]


def test_what_no_rule_makes_is_left_out_and_said(project):
    for name in ("results/notes.md", "results/.secret", "results/scratch/x"):
        (project / name).write_text("mine")
    assert files_of_study(project, ["my_study.yaml"]) == INSIDE
    said = run_script("bundle.py", "--project", project, "--output", project / "b.tar.gz").stdout
    assert "left out, because no rule makes it: results/.secret and 1 more" in said


def test_a_configuration_keeps_its_name_however_it_was_given(project, tmp_path):
    given = [str(project / "my_study.yaml"), "./my_study.yaml", "config/../my_study.yaml"]
    assert names_in_project(project, given) == ["my_study.yaml"] * 3
    run_script(
        "bundle.py", "--project", project, "--output", tmp_path / "b", "--configfiles", *given
    )
    assert read_bundle(tmp_path / "b", tmp_path / "there")["configfiles"] == [
        "config/config.yaml",
        *["my_study.yaml"] * 3,
    ]
    with pytest.raises(StudyError, match="takes no configuration from there"):
        files_of_study(project, ["scripts/mine.yaml"])


@pytest.mark.parametrize(
    ("commit", "configfiles", "printed"),
    [
        ("$(touch SPRUNG)", ["a.yaml; touch SPRUNG"], "'a.yaml; touch SPRUNG'"),
        ("--orphan=x", ["`touch SPRUNG`.yaml"], "'`touch SPRUNG`.yaml'"),
        ("x\nSPRUNG", ["a\x1b]0;SPRUNG\x07.yaml"], "'a\\x1b]0;SPRUNG\\x07.yaml'"),
        (7, ["it's.yaml\n"], shlex.quote("it's.yaml\\n")),
        ("a" * 40, ["../elsewhere.yaml"], f"git checkout {'a' * 40}"),
    ],
)
def test_what_a_bundle_says_is_quoted_in_commands(project, tmp_path, commit, configfiles, printed):
    facts = {"configfiles": configfiles, "repository": {"commit": commit, "dirty": [1]}}
    write_bundle(tmp_path / "b", project, ["results/summary.csv"], facts)
    said = run_script("unbundle.py", tmp_path / "b", "--project", tmp_path / "there").stdout
    assert printed in said and "\x1b" not in said and "$(" not in said and "--orphan" not in said
    assert len(said.splitlines()) == 3 + bool(configfiles)
    for name in configfiles:
        (tmp_path / "there" / name).write_text("{}")
    said = run_script("unbundle.py", tmp_path / "b", "--project", tmp_path / "there").stdout
    words = shlex.split(said.splitlines()[-1].split("; snakemake verify")[1])
    assert words[0] == "--directory" and len(words) == 2 + 2 * len(configfiles)
    assert all(words[-1].endswith(f"/{escaped(Path(name).name)}") for name in configfiles)


def test_what_killed_pushes_left_is_removed_by_the_next(project, tmp_path):
    scratch = project / "results/scratch"
    code = (
        "import os, sys; from pathlib import Path; from study.audit.bundles import passing_bundle\n"
        "with passing_bundle(Path(sys.argv[1])) as path: path.write_text('half'); "
        "print('ready', flush=True); sys.stdin.read()"
    )
    push = subprocess.Popen(
        [sys.executable, "-c", code, project], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=clean_environment(PYTHONPATH=str(Path(bundles.__file__).parents[2])),
    )  # fmt: skip
    push.stdout.readline()
    (running,) = scratch.glob("bundle_*")
    (scratch / "bundle_of_an_earlier_version").mkdir()
    assert [path.name for path in abandoned_bundles(project / "results")] == [
        "bundle_of_an_earlier_version"
    ]
    with passing_bundle(project) as path:
        assert {one.name for one in scratch.glob("bundle_*")} == {running.name, path.parent.name}
    push.kill()
    push.communicate()
    assert abandoned_bundles(project / "results") == [running]
    with passing_bundle(project):
        assert not running.exists()
    assert not list(scratch.glob("bundle_*"))


def test_what_was_killed_half_way_is_completed_by_the_same_command(bundle, project, tmp_path):
    there = tmp_path / "there"
    for name in INSIDE[::2]:
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_bytes((project / name).read_bytes())
    for left in (".unbundle.4194304.partial/new", "results/.unbundle.4194304.partial/new"):
        (there / left).mkdir(parents=True)
        (there / left / "half").write_text("half")
    read_bundle(bundle, there)
    assert sorted(name for name, content in all_below(there).items() if content) == INSIDE
