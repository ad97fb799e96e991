"""One folder of results holds one study, and no command takes it for another one."""

import json
import shlex
import shutil
from pathlib import Path

import pytest

from study.audit import start
from study.audit.same_study import given_configfiles, remember, require_same_study
from study.code import PROJECT
from study.data.datasets.digest import digest_of_images
from study.data.datasets.listing import list_images
from study.errors import StudyError

MANIFEST, STARTED = Path("results/data/manifest.json"), Path("results/scratch/started.json")


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """A folder of results with digits, made with mine.yaml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    Path("Snakefile").touch()
    for path in (MANIFEST, STARTED):
        path.parent.mkdir(parents=True)
    MANIFEST.write_text('{"dataset": "digits"}')
    remember(config(), ["mine.yaml"])


def config(dataset: str = "digits", **changes) -> dict:
    return {"dataset": {"name": dataset, "path": ""}, "seeds": [2]} | changes


def refused(asked: dict, *configfiles: str) -> str:
    """Return the line that refuses a configuration, which must be refused."""
    with pytest.raises(StudyError) as error:
        require_same_study(asked, configfiles)
    return str(error.value)


@pytest.mark.parametrize(
    ("dataset", "configfiles", "words"),
    [
        ("cifar10", [], "a study of digits, made with --configfile mine.yaml"),
        ("digits", [], "type `snakemake --configfile mine.yaml`"),
        ("digits", ["other.yaml"], "--config overwrite=true"),
        ("cifar10", ["mine.yaml"], "with this configuration before it changed"),
    ],
)
@pytest.mark.parametrize("is_locked", [False, True])
def test_results_of_another_study_are_not_replaced_unless_asked(
    dataset, configfiles, words, is_locked
):
    if is_locked:  # after a kill, where somebody adds --nolock
        Path(".snakemake/locks").mkdir(parents=True)
        Path(".snakemake/locks/0.output.lock").touch()
    with pytest.raises(StudyError) as error:
        start.look_at_results(config(dataset, seeds=[1]), configfiles, {}, overwrite=False)
    assert words in str(error.value)
    start.look_at_results(config(dataset), configfiles, {}, overwrite=True)


@pytest.mark.parametrize("configfiles", [["mine.yaml"], ["mine.yaml", "more_seeds.yaml"]])
def test_a_configuration_may_change(configfiles):
    require_same_study(config(seeds=[1, 2]), configfiles)


def test_the_same_configuration_may_have_another_name_and_a_finished_study_remembers_its_files():
    STARTED.unlink()
    record = {"configfiles": ["mine.yaml"], "config": config(device="auto")}
    Path("results/study.json").write_text(json.dumps(record))
    require_same_study(config(storage="s3://x", device="cpu"), ["moved.yaml"])
    assert "made with --configfile mine.yaml" in refused(config(seeds=[7]), "moved.yaml")


def test_a_study_whose_files_were_moved_is_the_same():
    files = {"corrections": "a.csv", "checksums": "a.md5"}
    remember(config() | {"dataset": {"name": "digits", **files}}, ["mine.yaml"])
    moved = {key: f"moved/{path}" for key, path in files.items()}
    require_same_study(config() | {"dataset": {"name": "digits", **moved}}, ["moved.yaml"])
    assert "made with --configfile mine.yaml" in refused(config(), "moved.yaml")


def own(path: str) -> dict:
    return config() | {"dataset": {"name": "folder", "path": path, "test_path": ""}}


@pytest.fixture
def images():
    """Two folders of images; the results are of the first, and no longer of digits."""
    for path in map(Path, ("a/cat/1.png", "a/dog/1.png", "b/cat/1.png", "b/dog/1.png")):
        path.parent.mkdir(parents=True)
        path.write_text(f"the pixels of {path}")
    digest = f"sha256:{digest_of_images(list_images('a'))}"
    MANIFEST.write_text(json.dumps({"dataset": "folder", "sources": {"images": digest}}))
    remember(own("a"), ["a.yaml"])


def test_other_images_of_ones_own_are_another_study(images):
    line = refused(own("b"), "b.yaml")
    assert "a study of the images in a, made with --configfile a.yaml" in line
    assert "overwrite=true" in line
    assert "before it changed" in refused(own("b"), "a.yaml")
    MANIFEST.unlink()
    Path("results/runs").mkdir()
    Path("results/runs/run.json").touch()
    assert "the images in a" in refused(own("b"), "b.yaml")


def test_images_of_ones_own_that_were_never_decoded_may_be_put_elsewhere(images):
    """As where some were damaged and the good ones were copied."""
    MANIFEST.unlink()
    Path("results/data/raw").mkdir()
    Path("results/data/raw/images.npy").touch()
    require_same_study(own("b"), ["a.yaml"])


def test_images_that_were_moved_or_change_in_their_place_are_the_same_study(images):
    shutil.move("a", "moved")
    require_same_study(own("moved"), ["a.yaml"])
    require_same_study(own("moved/"), ["moved.yaml"])
    require_same_study(own("gone"), ["a.yaml"])  # as where a bundle was unpacked
    shutil.move("moved", "a")
    Path("a/cat/2.png").write_text("one more")
    require_same_study(own("a"), ["a.yaml"])
    require_same_study(own(str(Path("a").resolve())), ["a.yaml"])
    assert not Path("results/scratch/own_images.json").exists()


def test_an_archive_of_other_files_is_another_study():
    def archive(checksums):
        return config() | {"dataset": {"name": "cifar10", "checksums": checksums}}

    for name, digit in (("a.md5", "0"), ("same.md5", "0"), ("b.md5", "1")):
        Path(name).write_text(f"{digit * 32}  batch\n{'2' * 32}  readme.html\n")
    sources = {"batch": f"md5:{'0' * 32}"}
    MANIFEST.write_text(json.dumps({"dataset": "cifar10", "sources": sources}))
    remember(archive("a.md5"), ["a.yaml"])
    require_same_study(archive("same.md5"), ["moved.yaml"])
    assert "a study of cifar10, made with --configfile a.yaml" in refused(
        archive("b.md5"), "b.yaml"
    )


@pytest.mark.parametrize("left", ["runs/v1/cnn2/seed2/run.json", "data/raw/archive.tar.gz"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("")])
def test_without_the_record_of_the_images_the_study_is_known_by_its_configuration(left, damage):
    path = Path("results", left)
    path.parent.mkdir(parents=True)
    path.touch()
    damage(MANIFEST)
    assert "a study of digits" in refused(config("cifar10"))
    shutil.move(STARTED, "results/study.json")
    assert "a study of digits" in refused(config("cifar10"))
    require_same_study(config(seeds=[1, 2]), ["mine.yaml"])


def test_without_results_or_with_a_damaged_record_nothing_stops():
    for damage in (lambda path: path.write_text(""), Path.unlink):
        damage(STARTED)
        require_same_study(config(), ["other.yaml"])
    MANIFEST.unlink()
    require_same_study(config("cifar10"), [])
    # A first command that failed at its start, such as a download without a network.
    remember(config(), ["mine.yaml"])
    Path("results/recipes").mkdir()
    Path("results/recipes/cnn2.yaml").touch()
    require_same_study(config("cifar10"), [])


@pytest.mark.parametrize("files", [["config/one.yaml", "lap/two words.yaml"], []])
def test_what_to_type_is_right_where_the_user_types(tmp_path, monkeypatch, files):
    for path in ("lap/top/results/data", "config", "workflow"):
        (tmp_path / path).mkdir(parents=True)
    for path in ("workflow/Snakefile", *files):
        (tmp_path / path).touch()
    monkeypatch.chdir(tmp_path / "lap/top")  # where Snakemake has gone
    monkeypatch.setenv("PWD", str(tmp_path))
    MANIFEST.write_text('{"dataset": "digits"}')
    remember(config(), given_configfiles([str(tmp_path / path) for path in files]))
    words = shlex.split(refused(config(seeds=[1]), "other.yaml").split("`")[1])
    option = ["--configfile", *(str(tmp_path / path) for path in files)] if files else []
    assert words == ["snakemake", "--directory", str(Path.cwd()), *option]


def test_what_to_type_names_the_workflow_where_its_folder_is_another():
    line = f"`snakemake --snakefile {PROJECT}/workflow/Snakefile --configfile mine.yaml`"
    assert line not in refused(config(seeds=[1]), "other.yaml")  # one that has this as a module
    Path("Snakefile").unlink()
    assert line in refused(config(seeds=[1]), "other.yaml")
