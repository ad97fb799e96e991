"""Files from the future."""

import os

from study.audit.clock import date_back


def test_files_from_the_future_become_older_than_everything_and_others_stay(tmp_path):
    now = 1.8e9
    for name, when in (
        ("late", now + 3600),
        ("early", now - 3600),
        ("skewed", now + 5),
        ("d/late", now + 1e8),
    ):
        path = tmp_path / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (when, when))
    os.utime(tmp_path / "results" / "d", (now + 9e7, now + 9e7))
    cached = tmp_path / "cached"
    cached.write_text("from the cache")
    os.utime(cached, (now + 3600, now + 3600))
    link = tmp_path / "results" / "link"
    link.symlink_to(cached)
    os.utime(link, (now - 3600, now - 3600), follow_symlinks=False)
    assert date_back(tmp_path / "results", now) == 4  # two files, a folder and what the link names
    times = {path.name: path.stat().st_mtime - now for path in (tmp_path / "results").rglob("*")}
    assert times["early"] == -3600 and times["skewed"] == 5
    assert times["late"] == times["d"] == times["link"] < -1e8
    assert date_back(tmp_path / "results", now) == 0
    assert date_back(tmp_path / "none", now) == 0
