"""Bundles that somebody made on purpose: each is refused in one line, in little memory and time."""

import gzip
import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import tarfile

import pytest
from conftest import ROOT, assert_one_clear_line, clean_environment

from study.audit import bundle_reading
from study.audit.bundle_reading import unpack
from study.errors import StudyError

X = hashlib.sha256(b"x").hexdigest()
RUN = "results/runs/x"


def manifest(*names, **other):
    return json.dumps({"files": dict.fromkeys(names, X), **other}).encode()


def bundle(path, described, *members, **pax):
    """Write a bundle; members are (name, content, changes of its header)."""
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, content, change in [("bundle.json", described, {}), *members]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.pax_headers = dict(pax) if name != "bundle.json" else {}
            for key, value in change.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(content))
    return path


def raw(path, *blocks):
    """Write blocks of a tar by hand."""
    with gzip.open(path, "wb") as stream:
        for block in blocks:
            stream.write(block)
    return path


def header(name, size, kind):
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


def unpacked(path, folder):
    """Unpack in a process of little memory, as it is done for people."""
    code = (
        "import sys; from pathlib import Path; from study.audit.bundles import read_bundle; "
        "from study.job import end_in_one_line\n"
        "with end_in_one_line(): read_bundle(sys.argv[1], Path(sys.argv[2]))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, path, folder], capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
        env=clean_environment(PYTHONPATH=str(ROOT / "scripts")),
    )  # fmt: skip


GIB = 8 << 30
PLAIN = (RUN, b"x", {})
HOLES = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(GIB)}
BAD = {
    "a list": lambda path: bundle(path, b"[]"),
    "no files": lambda path: bundle(path, b"{}"),
    "files in a list": lambda path: bundle(path, b'{"files": []}'),
    "a number": lambda path: bundle(path, b"7"),
    "a number without end": lambda path: bundle(path, b"7" * 10_000),
    "no text": lambda path: bundle(path, b"\xff\xfe"),
    "nested": lambda path: bundle(path, b"[" * 200_000),
    "nested a little": lambda path: bundle(path, b"[" * 9_000),
    "many lists": lambda path: bundle(path, b"[" + b"[]," * 10_000_000 + b"[]]"),
    "no digest": lambda path: bundle(path, b'{"files": {"results/runs/x": "0"}}'),
    "a digest that is none": lambda path: bundle(path, b'{"files": {"results/runs/x": 7}}'),
    "configurations that are none": lambda path: bundle(path, manifest(RUN, configfiles=[7])),
    "an option": lambda path: bundle(path, manifest(RUN, configfiles=["--forceall"]), PLAIN),
    "a repository that is none": lambda path: bundle(path, manifest(RUN, repository=[])),
    "no time": lambda path: bundle(path, manifest(RUN), PLAIN, mtime="nan"),
    "endless time": lambda path: bundle(path, manifest(RUN), PLAIN, mtime="inf"),
    "negative time": lambda path: bundle(path, manifest(RUN), PLAIN, mtime="-1e300"),
    "holes": lambda path: bundle(
        path, manifest(RUN), (RUN, (b"1\n%d\n0\n" % GIB).ljust(512, b"\0"), {}), **HOLES
    ),
    "many holes": lambda path: bundle(
        path, manifest(RUN), (RUN, b"99999999999\n" + b"1\n" * 50_000_000, {}), **HOLES
    ),
    "a long manifest": lambda path: raw(path, header("bundle.json", GIB, tarfile.REGTYPE)),
    "a long name": lambda path: raw(path, header("x", GIB, tarfile.GNUTYPE_LONGNAME), bytes(9999)),
    "a long header": lambda path: raw(path, header("x", GIB, tarfile.XHDTYPE), bytes(1 << 20)),
    "headers of headers": lambda path: raw(
        path, header("x", 0, tarfile.XHDTYPE) * 5000, header("bundle.json", 0, tarfile.REGTYPE)
    ),
    "twice": lambda path: bundle(path, manifest(RUN), PLAIN, PLAIN),
    "a link": lambda path: bundle(
        path, manifest(RUN), (RUN, b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})
    ),
    "a hard link": lambda path: bundle(
        path, manifest(RUN), (RUN, b"", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"})
    ),
    "a device": lambda path: bundle(path, manifest(RUN), (RUN, b"", {"type": tarfile.CHRTYPE})),
    "a pipe": lambda path: bundle(path, manifest(RUN), (RUN, b"", {"type": tarfile.FIFOTYPE})),
    "a manifest that is a link": lambda path: raw(path, header("bundle.json", 0, tarfile.SYMTYPE)),
    "two that are one": lambda path: bundle(
        path, manifest(RUN, "results/runs/X"), PLAIN, ("results/runs/X", b"x", {})
    ),
    "a file that is a folder": lambda path: bundle(
        path, manifest(RUN, f"{RUN}/y"), PLAIN, (f"{RUN}/y", b"x", {})
    ),
    "another file": lambda path: bundle(path, manifest("scripts/numpy.py")),
    "a pipeline": lambda path: bundle(
        path, manifest("dvc.yaml", configfiles=["dvc.yaml"]), ("dvc.yaml", b"x", {})
    ),
    "no archive": lambda path: path.write_bytes(b"no archive") and path,
    "nothing": lambda path: path.write_bytes(b"") or path,
    "a named pipe": lambda path: os.mkfifo(path) or path,
    "a folder": lambda path: path.mkdir() or path,
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_bundle_made_on_purpose_is_refused_in_one_line(kind, tmp_path):
    path, there = BAD[kind](tmp_path / "study.tar.gz"), tmp_path / "there"
    there.mkdir()
    refused = unpacked(path, there)
    assert refused.returncode == 1, refused.stderr
    assert_one_clear_line(refused.stderr, "study.tar.gz: ")
    assert not list(there.iterdir())


def test_a_bundle_that_a_browser_unzipped_is_as_good(tmp_path):
    packed = bundle(tmp_path / "s.tar.gz", manifest(f"{RUN}/a"), (f"{RUN}/a", b"x", {}))
    (tmp_path / "s.tar").write_bytes(gzip.decompress(packed.read_bytes()))
    assert unpack(tmp_path / "s.tar") == unpack(packed)
    (tmp_path / "cut.tar").write_bytes((tmp_path / "s.tar").read_bytes()[:1100])
    with pytest.raises(StudyError, match=f"{RUN}/a is missing in it"):
        unpack(tmp_path / "cut.tar")


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"PK\3\4...", r"a \.zip"), (b"7z\xbc\xaf", r"a \.7z"), (b"\n<!DOCTYPE html>", "a web page")],
)
def test_what_is_whole_but_no_bundle_is_called_what_it_is(content, kind, tmp_path):
    (tmp_path / "s.tar.gz").write_bytes(content)
    with pytest.raises(StudyError, match=rf"s\.tar\.gz: is {kind}.*study\.tar\.gz") as said:
        unpack(tmp_path / "s.tar.gz")
    assert "once more" not in str(said.value)


def test_what_unpacks_to_far_more_than_a_study_has_is_refused(tmp_path, monkeypatch):
    content = bytes(1 << 20)
    files = {f"{RUN}{n}": hashlib.sha256(content).hexdigest() for n in range(5)}
    path = bundle(
        tmp_path / "b", json.dumps({"files": files}).encode(), *((n, content, {}) for n in files)
    )
    unpack(path)
    monkeypatch.setattr(bundle_reading, "_ALWAYS_ALLOWED", 3 << 20)
    with pytest.raises(StudyError, match="far more than a study has"):
        unpack(path)


def test_what_follows_the_archive_is_bounded(tmp_path):
    path = bundle(tmp_path / "b", manifest(RUN), PLAIN)
    with path.open("ab") as stream:
        stream.write(gzip.compress(bytes(50_000_000)))
    with pytest.raises(StudyError, match="a header takes"):
        unpack(path)
