"""A study as one file, and what may be wrong with such a file."""

import io
import json
import os
import tarfile

import pytest
from conftest import assert_one_clear_line, run_script

from study.audit.bundles import files_of_study, read_bundle, write_bundle


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


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda name, content: [(name, content + b"!" if name.endswith("run.json") else content)],
            "sha256 differs"),
        (lambda name, content: [] if name.endswith("summary.csv") else [(name, content)],
            "results/summary.csv is missing"),
        (lambda name, content: [(name, content), ("../evil", b"")],
            "'../evil', which no bundle has"),
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


def test_a_manifest_that_names_a_place_outside_is_refused(bundle, tmp_path):
    def change(name, content):
        manifest = json.loads(content) if name == "bundle.json" else None
        if manifest is None:
            return [(name, content)]
        manifest["files"]["../evil"] = "0" * 64
        return [(name, json.dumps(manifest).encode()), ("../evil", b"")]

    rewritten(bundle, change)
    there = tmp_path / "there"
    there.mkdir()
    failed = run_script("unbundle.py", bundle, "--project", there, check=False)
    assert_one_clear_line(failed.stderr, "'../evil', which no bundle has")


@pytest.mark.parametrize("share", [0, 0.1, 0.6, "all but one byte"])
def test_a_cut_bundle_is_refused(bundle, tmp_path, share):
    content = bundle.read_bytes()
    bundle.write_bytes(content[: -1 if share == "all but one byte" else int(share * len(content))])
    there = tmp_path / "there"
    there.mkdir()
    failed = run_script("unbundle.py", bundle, "--project", there, check=False)
    assert_one_clear_line(failed.stderr, "study.tar.gz", "ask for the file once more")
    assert list(there.iterdir()) == []
