"""Pushing a study to a storage and pulling it elsewhere: S3 on loopback, and a folder."""

import errno
import io
import os
import socket
import threading
from pathlib import Path

import pytest
from conftest import FULL, Project, assert_one_clear_line, run_script

from study.audit.storage import open_storage
from study.errors import StudyError

pytestmark = pytest.mark.workflow
SECRET = "nobody-may-read-this"
DRY = ("--dry-run", "--quiet", "rules")


@pytest.fixture
def s3(bucket, monkeypatch):
    """A client of the server; processes have a secret that nobody may read."""
    pytest.importorskip("snakemake_storage_plugin_s3")
    monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_SECRET_KEY", SECRET)
    return bucket.meta.client


@pytest.fixture
def share(tmp_path):
    (tmp_path / "the share").mkdir()
    return tmp_path / "the share"


@pytest.fixture
def address(request):
    """Return the address of the storage that the test is asked to use."""
    place = request.getfixturevalue(request.param)
    return "s3://lab/my study" if request.param == "s3" else f"fs://{place}"


BOTH = pytest.mark.parametrize("address", ["s3", "share"], indirect=True)


@BOTH
def test_a_pushed_study_is_whole_elsewhere(finished, archive, tmp_path, address):
    storage = ("--config", f"storage={address}")
    pushed = finished.succeeds("push", *storage)
    assert "checks passed" in pushed and f"{address.removeprefix('fs://')}/study.tar.gz: " in pushed
    there = Project(tmp_path / "else where", archive, figures={"runs": True})
    assert "all as they were bundled" in there.succeeds("pull", *storage)
    # The study was made without a storage: where it is kept changes no result.
    assert "Nothing to be done" in there.succeeds("--dry-run", *FULL, *storage)
    assert "checks passed" in there.succeeds("verify")
    for project in (finished, there):
        assert not list((project.folder / "results/scratch").glob("bundle_*"))
        for folder in ("results/logs", ".snakemake"):
            kept = [path for path in (project.folder / folder).rglob("*") if path.is_file()]
            assert kept and not any(SECRET.encode() in path.read_bytes() for path in kept)


def test_what_cannot_be_pushed_is_said_before_anything_is_made(project, s3):
    for command, fragments in (
        (("pull",), ("storage is empty", "--config storage=ADDRESS")),
        (("push", "--config", "storage=s3://nowhere"),
            ("s3://nowhere/study.tar.gz", "no such bucket", "make it first")),
    ):  # fmt: skip
        refused = project.snakemake(*command)
        assert refused.returncode != 0
        assert_one_clear_line(refused.stdout + refused.stderr, *fragments)
    assert {path.name for path in (project.folder / "results").iterdir()} <= {
        "README.md",
        "reference",
    }
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["lab"]


def test_a_study_and_a_folder_need_no_plugin_and_a_push_says_which_it_needs(
    project, here, share, tmp_path, monkeypatch
):
    # Hide the packages of these names: what is no package is no plugin.
    for name in ("s3", "fs"):
        (tmp_path / f"snakemake_storage_plugin_{name}.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    storage = ("--config", "storage=s3://lab/study")
    assert "train " in project.succeeds(*DRY, *storage)
    refused = project.snakemake("push", *storage)
    assert refused.returncode != 0
    assert_one_clear_line(
        refused.stdout + refused.stderr, "pip install snakemake-storage-plugin-s3"
    )
    run_script("bundle.py", "--project", here, "--storage", f"fs://{share}")
    project.succeeds("pull", "--config", f"storage=fs://{share}")
    assert (project.folder / "results/summary.csv").read_text() == "combo,model,seed"


@pytest.fixture
def here(tmp_path):
    """Return a project with one result."""
    (tmp_path / "here/results").mkdir(parents=True)
    (tmp_path / "here/results/summary.csv").write_text("combo,model,seed")
    return tmp_path / "here"


@BOTH
def test_pushing_again_replaces_the_bundle_and_pulling_replaces_nothing(here, tmp_path, address):
    for text in ("first", "second"):
        (here / "results/summary.csv").write_text(text)
        run_script("bundle.py", "--project", here, "--storage", address)
    there = tmp_path / "there"
    for _ in range(2):  # the same once more harms nothing
        run_script("unbundle.py", address, "--project", there)
        assert (there / "results/summary.csv").read_text() == "second"
    (there / "results/summary.csv").write_text("mine")
    failed = run_script("unbundle.py", address, "--project", there, check=False)
    assert_one_clear_line(
        failed.stderr, "study.tar.gz: results/summary.csv is here already and differs"
    )
    assert (there / "results/summary.csv").read_text() == "mine"


@BOTH
def test_a_tampered_bundle_is_refused(here, tmp_path, address, request):
    run_script("bundle.py", "--project", here, "--storage", address)
    if address.startswith("s3"):
        s3 = request.getfixturevalue("s3")
        content = s3.get_object(Bucket="lab", Key="my study/study.tar.gz")["Body"].read()
        s3.put_object(Bucket="lab", Key="my study/study.tar.gz", Body=content[:-1])
    else:
        bundle = request.getfixturevalue("share") / "study.tar.gz"
        bundle.write_bytes(bundle.read_bytes()[:-1])
    failed = run_script("unbundle.py", address, "--project", tmp_path / "there", check=False)
    assert failed.returncode == 1
    assert_one_clear_line(
        failed.stderr, f"{address.removeprefix('fs://')}/study.tar.gz: truncated or damaged"
    )
    assert not [path for path in (tmp_path / "there").rglob("*") if path.is_file()]


@BOTH
def test_where_nothing_was_pushed_there_is_nothing_to_pull(address):
    with pytest.raises(StudyError, match=r"study.tar.gz: nothing is there; `snakemake push` puts"):
        open_storage(address).insist_on_bundle()


def test_a_push_deletes_nothing_in_the_bucket(here, s3):
    s3.put_bucket_versioning(Bucket="lab", VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        run_script("bundle.py", "--project", here, "--storage", "s3://lab/study")
    versions = s3.list_object_versions(Bucket="lab")
    assert len(versions["Versions"]) == 2 and "DeleteMarkers" not in versions


class Broken(io.BytesIO):
    """A file that fails where it is read or written, without its name, as shares and disks do."""

    def read(self, *_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def write(self, *_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(("broken", "named"), [("rb", "bundle"), ("wb", "study.tar.gz")])
def test_a_push_that_fails_leaves_what_was_pushed_before(
    share, tmp_path, monkeypatch, broken, named
):
    (share / "study.tar.gz").write_bytes(b"before")
    (tmp_path / "bundle").write_bytes(b"after")
    whole = Path.open
    fail = lambda path, mode: Broken() if mode == broken else whole(path, mode)  # noqa: E731
    with monkeypatch.context() as patched, pytest.raises(OSError) as failed:
        patched.setattr(Path, "open", fail)
        open_storage(f"fs://{share}").send(tmp_path / "bundle")
    assert Path(failed.value.filename).name == named
    assert [path.name for path in share.iterdir()] == ["study.tar.gz"]
    assert (share / "study.tar.gz").read_bytes() == b"before"


def test_a_pull_from_a_share_that_goes_away_names_it(share, tmp_path, monkeypatch):
    (share / "study.tar.gz").write_bytes(b"there")
    whole = Path.open
    fail = lambda path, mode: Broken() if mode == "rb" else whole(path, mode)  # noqa: E731
    with monkeypatch.context() as patched, pytest.raises(OSError) as failed:
        patched.setattr(Path, "open", fail)
        open_storage(f"fs://{share}").fetch(tmp_path / "bundle")
    assert failed.value.filename == str(share / "study.tar.gz")


def test_a_folder_is_never_made_and_a_pipe_in_it_not_waited_for(share):
    with pytest.raises(StudyError, match="no such folder; mount the share, or make it: mkdir -p"):
        open_storage(f"fs://{share}/not mounted").check()
    assert list(share.iterdir()) == []
    os.mkfifo(share / "study.tar.gz")
    storage = open_storage(f"fs://{share}")
    for ask in (storage.insist_on_bundle, lambda: storage.send(share)):
        with pytest.raises(StudyError, match="is no regular file; remove it, and push again"):
            ask()


def test_wrong_credentials_are_no_missing_bucket(here, s3, endpoint, monkeypatch):
    import requests

    requests.post(f"{endpoint}/moto-api/reset-auth", data="0")
    try:
        with pytest.raises(
            StudyError, match=r"access was refused .*SNAKEMAKE_STORAGE_S3_ACCESS_KEY"
        ) as refused:
            open_storage("s3://lab/study").check()
    finally:
        requests.post(f"{endpoint}/moto-api/reset-auth", data="inf")
    assert SECRET not in str(refused.value)
    for name in ("ACCESS_KEY", "SECRET_KEY"):
        monkeypatch.delenv(f"SNAKEMAKE_STORAGE_S3_{name}")
    failed = run_script("bundle.py", "--project", here, "--storage", "s3://lab/study", check=False)
    assert_one_clear_line(
        failed.stderr, "Unable to locate credentials", "SNAKEMAKE_STORAGE_S3_ACCESS_KEY"
    )


def test_a_server_that_does_not_answer_is_given_up_soon(s3, monkeypatch):
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as deaf:

        def hang_up():
            while True:
                try:
                    connection, _ = deaf.accept()
                except OSError:  # the test is over
                    return
                asked.append(connection.close())

        thread = threading.Thread(target=hang_up)
        thread.start()
        monkeypatch.setenv(
            "SNAKEMAKE_STORAGE_S3_ENDPOINT_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}"
        )
        storage = open_storage("s3://lab/study")
        with pytest.raises(StudyError, match=r"s3://lab/study/study.tar.gz: .*check the network"):
            storage.check()
        deaf.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert len(asked) == 3
    limits = storage._client.meta.config
    assert limits.connect_timeout <= 5 and limits.read_timeout <= 20
    monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ENDPOINT_URL", "localhost:9000")
    with pytest.raises(StudyError, match="Invalid endpoint: localhost:9000"):
        open_storage("s3://lab/study")
