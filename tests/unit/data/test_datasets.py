"""Getting, verifying and decoding data sets; what is wrong with an archive is said in one line and leaves nothing."""

import functools
import os
import pickle
import resource
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from conftest import (
    CLASSES,
    PER_BATCH,
    assert_one_clear_line,
    run_script,
    write_archive,
    write_checksums,
)

from study.data.datasets import SIZES, Source, dataset_module
from study.data.datasets.download import download
from study.errors import StudyError
from study.files import read_csv, read_json


def fetch(tmp_path, archive_path, checksums, check=False, **options):
    """Run the download script on a local archive."""
    return run_script(
        "download.py", "--dataset", "cifar10", "--archive", archive_path, "--checksums", checksums,
        "--scratch", tmp_path / "scratch", "--output", tmp_path / "raw", check=check, **options,
    )  # fmt: skip


def assert_refused_then_good_archive_passes(tmp_path, result, archive, *fragments):
    """The failure is one line and leaves nothing behind, and the next correct call succeeds."""
    assert result.returncode == 1
    assert_one_clear_line(result.stderr, *fragments)
    assert [path for path in tmp_path.rglob("*raw*") if "archive" not in path.name] == []
    fetch(tmp_path, archive.path, archive.checksums, check=True)
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == sorted(archive.members)


def test_a_repacked_archive_with_the_right_members_passes(tmp_path, archive):
    repacked = write_archive(
        tmp_path / "other.tar.gz", dict(reversed(archive.members.items())), folder="elsewhere/"
    )
    fetch(tmp_path, repacked, archive.checksums, check=True)
    assert (tmp_path / "raw" / "test_batch").read_bytes() == archive.members["test_batch"]


@pytest.mark.parametrize("nested", [True, False])
def test_an_extracted_folder_serves_as_well_as_an_archive(tmp_path, archive, nested):
    folder = tmp_path / "extracted" / ("cifar-10-batches-py" if nested else "")
    folder.mkdir(parents=True)
    for name, content in archive.members.items():
        (folder / name).write_bytes(content)
    fetch(tmp_path, tmp_path / "extracted", archive.checksums, check=True)
    assert (tmp_path / "raw" / "data_batch_3").read_bytes() == archive.members["data_batch_3"]


def test_the_environment_variable_gives_a_local_archive(tmp_path, archive, monkeypatch):
    monkeypatch.setenv("CIFAR10_ARCHIVE", str(archive.path))
    checksums = {
        name: line
        for line, name in (
            row.split("  ") for row in archive.checksums.read_text().split("\n")[:-1]
        )
    }
    dataset_module("cifar10").fetch(tmp_path / "raw", Source(checksums=checksums))
    assert (tmp_path / "raw" / "batches.meta").exists()


def test_a_truncated_archive_is_refused(tmp_path, archive):
    short = tmp_path / "short.tar.gz"
    short.write_bytes(archive.path.read_bytes()[:-20_000])
    result = fetch(tmp_path, short, archive.checksums)
    assert_refused_then_good_archive_passes(
        tmp_path, result, archive, "short.tar.gz", "truncated or damaged", "CIFAR10_ARCHIVE"
    )


def test_something_that_is_no_archive_is_refused(tmp_path, archive):
    page = tmp_path / "page.tar.gz"
    page.write_text("<html>404</html>")
    result = fetch(tmp_path, page, archive.checksums)
    assert_refused_then_good_archive_passes(
        tmp_path, result, archive, "page.tar.gz", "truncated or damaged archive"
    )


def test_a_batch_with_another_md5_is_refused_by_name(tmp_path, archive):
    damaged = archive.members | {"data_batch_2": archive.members["data_batch_2"][:-1] + b"?"}
    result = fetch(tmp_path, write_archive(tmp_path / "bad.tar.gz", damaged), archive.checksums)
    assert_refused_then_good_archive_passes(
        tmp_path, result, archive, "data_batch_2: md5 is", "expected"
    )


def test_an_archive_without_a_member_is_refused_by_name(tmp_path, archive):
    partial = {name: content for name, content in archive.members.items() if name != "data_batch_4"}
    result = fetch(tmp_path, write_archive(tmp_path / "part.tar.gz", partial), archive.checksums)
    assert_refused_then_good_archive_passes(
        tmp_path, result, archive, "part.tar.gz", "no member data_batch_4"
    )


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil-absolute"])
def test_a_member_that_leaves_the_folder_is_refused_and_never_written(tmp_path, archive, name):
    path = write_archive(tmp_path / "traversal.tar.gz", archive.members)
    with tarfile.open(path, "w:gz") as out:
        for member, content in {
            name: b"x",
            **{f"d/{k}": v for k, v in archive.members.items()},
        }.items():
            info = tarfile.TarInfo(member)
            info.size = len(content)
            out.addfile(info, BytesIO(content))
    result = fetch(tmp_path, path, archive.checksums)
    assert not Path("/tmp/evil-absolute").exists()
    assert list(tmp_path.parent.glob("**/evil")) == []
    assert_refused_then_good_archive_passes(
        tmp_path, result, archive, "member outside its own folder"
    )


def test_a_missing_archive_is_named_with_what_to_do(tmp_path, archive):
    result = fetch(tmp_path, tmp_path / "nowhere.tar.gz", archive.checksums)
    assert_refused_then_good_archive_passes(
        tmp_path, result, archive, "nowhere.tar.gz: no such archive", "dataset.archive"
    )


class Evil:
    """Unpickling this would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_with_code_is_not_run_even_when_its_md5_is_vouched_for(tmp_path, archive):
    trap = tmp_path / "sprung"
    members = archive.members | {"data_batch_1": pickle.dumps(Evil(trap), protocol=2)}
    checksums = write_checksums(tmp_path / "evil.md5", members)
    fetch(tmp_path, write_archive(tmp_path / "evil.tar.gz", members), checksums, check=True)
    result = decode(tmp_path, checksums)
    assert result.returncode == 1
    assert_one_clear_line(result.stderr, "data_batch_1", "refused to load")
    assert not trap.exists()
    assert not (tmp_path / "images.npy").exists()


def test_nothing_is_unpickled_before_its_md5_is_verified(tmp_path, archive, monkeypatch):
    from study.data.datasets import cifar

    cifar10 = dataset_module("cifar10")
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, content in archive.members.items():
        (raw / name).write_bytes(content)
    monkeypatch.setattr(cifar, "_unpickle", lambda *_: pytest.fail("unpickled"))
    with pytest.raises(StudyError, match="md5 is"):
        cifar10.decode(raw, Source())  # the official md5s, which synthetic batches have not


def decode(tmp_path, checksums, **options):
    return run_script(
        "decode.py", "--dataset", "cifar10", "--raw", tmp_path / "raw", "--checksums", checksums,
        "--images", tmp_path / "images.npy", "--index", tmp_path / "index.csv",
        "--manifest", tmp_path / "manifest.json", check=False, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda batch: batch.pop(b"labels"), "no 'labels'"),
        (lambda batch: batch.update({b"labels": [11] * PER_BATCH}), "labels 0–9"),
        (lambda batch: batch.update({b"data": batch[b"data"][:, :-1]}), "60×3072"),
    ],
)
def test_a_batch_of_another_shape_is_refused(tmp_path, archive, change, message):
    batch = pickle.loads(archive.members["data_batch_5"], encoding="bytes")
    change(batch)
    members = archive.members | {"data_batch_5": pickle.dumps(batch, protocol=2)}
    checksums = write_checksums(tmp_path / "odd.md5", members)
    fetch(tmp_path, write_archive(tmp_path / "odd.tar.gz", members), checksums, check=True)
    result = decode(tmp_path, checksums)
    assert result.returncode == 1
    assert_one_clear_line(result.stderr, "data_batch_5", message)


def test_no_space_left_is_said_in_one_line_and_leaves_nothing(tmp_path, archive):
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100_000, 100_000))
    result = fetch(tmp_path, archive.path, archive.checksums, preexec_fn=limit)
    assert_refused_then_good_archive_passes(
        tmp_path,
        result,
        archive,
        "no space left while writing",
        "raw",
        "run the same command again",
    )
    result = decode(tmp_path, archive.checksums, preexec_fn=limit)
    assert result.returncode == 1
    assert_one_clear_line(result.stderr, "no space left", "images.npy")
    assert not list(tmp_path.glob("*images*"))
    assert decode(tmp_path, archive.checksums).returncode == 0


def test_a_malformed_list_of_md5s_is_refused_with_its_line(tmp_path, archive):
    bad = tmp_path / "list.md5"
    bad.write_text("not a digest  data_batch_1\n")
    result = fetch(tmp_path, archive.path, bad)
    assert_one_clear_line(result.stderr, "list.md5:1", "<md5> <file name>")


def test_decoding_keeps_order_colours_and_names(decoded, archive):
    images, index = np.load(decoded / "images.npy"), read_csv(decoded / "index.csv")
    batch = pickle.loads(archive.members["data_batch_2"], encoding="bytes")
    assert images.shape == (6 * PER_BATCH, 32, 32, 3) and images.dtype == np.uint8
    position = PER_BATCH + 5
    red, green, blue = batch[b"data"][5].reshape(3, 32, 32)
    assert np.array_equal(images[position], np.dstack([red, green, blue]))
    row = index[position]
    assert row["image_id"] == str(position)
    assert row["label"] == str(batch[b"labels"][5])
    assert row["class"] == CLASSES[batch[b"labels"][5]]
    assert row["file"] == "data_batch_2/" + batch[b"filenames"][5].decode()
    assert [r["source_split"] for r in index] == ["train"] * 5 * PER_BATCH + ["test"] * PER_BATCH
    manifest = read_json(decoded / "manifest.json")
    assert manifest["classes"] == CLASSES
    assert manifest["class_counts"] == dict.fromkeys(CLASSES, 36)


def test_the_digits_are_colour_images_of_the_usual_size(tmp_path):
    digits = dataset_module("digits")
    digits.fetch(tmp_path / "raw", Source())
    data = digits.decode(tmp_path / "raw", Source())
    assert data.images.shape == (SIZES["digits"], 32, 32, 3) and data.images.dtype == np.uint8
    assert data.images.min() == 0 and data.images.max() == 255
    assert np.bincount(data.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


class Server:
    """A server on loopback that can break connections, refuse, and count requests."""

    def __init__(self, content: bytes, *, breaks: int = 0, ranges: bool = True, status: int = 200):
        self.requests: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked = self.headers.get("Range")
                outer.requests.append(asked)
                if status != 200:
                    self.send_error(status)
                    return
                start = int(asked.split("=")[1].rstrip("-")) if asked and ranges else 0
                if start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(content)}")
                    self.end_headers()
                    return
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                end = (
                    len(content)
                    if len(outer.requests) > breaks
                    else start + (len(content) - start) // 2
                )
                self.wfile.write(content[start:end])

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/cifar-10-python.tar.gz"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def get(url, folder, pauses=None):
    return download(
        url,
        folder,
        what="a file",
        advice="do without",
        pause=(pauses if pauses is not None else []).append,
    )


def test_a_broken_download_goes_on_where_it_stopped(tmp_path):
    content = os.urandom(400_000)
    with Server(content, breaks=2) as server:
        assert get(server.url, tmp_path).read_bytes() == content
    starts = [int(asked.split("=")[1].rstrip("-")) for asked in server.requests[1:]]
    assert server.requests[0] is None
    assert 100_000 < starts[0] < starts[1] < len(content)


def test_a_server_that_cannot_resume_is_asked_for_the_whole_file(tmp_path):
    content = os.urandom(100_000)
    with Server(content, breaks=1, ranges=False) as server:
        assert get(server.url, tmp_path).read_bytes() == content


def test_a_partial_file_of_an_earlier_run_is_continued(tmp_path):
    content = os.urandom(100_000)
    with Server(content) as server:
        complete = get(server.url, tmp_path)
        complete.rename(complete.with_name(complete.name + ".part"))
        assert (
            get(server.url, tmp_path).read_bytes() == content
        )  # all there: nothing is fetched again
    assert server.requests == [None, "bytes=100000-"]


def test_failures_back_off_and_end_in_one_line(tmp_path):
    pauses = []
    with (
        Server(b"", status=503) as server,
        pytest.raises(StudyError, match="unreachable after 4 attempts"),
    ):
        get(server.url, tmp_path, pauses)
    assert pauses == [1, 2, 4]


def test_a_refusal_is_not_retried(tmp_path):
    with Server(b"", status=404) as server, pytest.raises(StudyError, match="404"):
        get(server.url, tmp_path)
    assert len(server.requests) == 1


def test_sources_are_tried_in_turn_and_a_damaged_one_is_passed_over(tmp_path, archive):
    with (
        Server(b"", status=404) as first,
        Server(b"no archive") as second,
        Server(archive.path.read_bytes()) as third,
    ):
        result = run_script(
            "download.py", "--dataset", "cifar10", "--urls", first.url, second.url, third.url,
            "--checksums", archive.checksums, "--scratch", tmp_path / "scratch", "--output", tmp_path / "raw",
        )  # fmt: skip
    assert (tmp_path / "raw" / "test_batch").read_bytes() == archive.members["test_batch"]
    assert list((tmp_path / "scratch").iterdir()) == []
    assert "CIFAR10_ARCHIVE" in result.stderr


def test_unreachable_addresses_end_in_one_line_that_tells_of_a_local_archive(tmp_path, archive):
    result = run_script(
        "download.py", "--dataset", "cifar10", "--urls", "http://127.0.0.1:9/cifar-10-python.tar.gz",
        "--checksums", archive.checksums, "--scratch", tmp_path / "scratch", "--output", tmp_path / "raw", check=False,
    )  # fmt: skip
    assert_refused_then_good_archive_passes(
        tmp_path, result, archive, "127.0.0.1:9", "refused", "CIFAR10_ARCHIVE"
    )
