"""The columns of the table of hard examples."""

import base64
import zlib

import numpy as np
import pandas as pd

from study.report.gallery.columns import pack_columns


def test_what_people_say_is_taken_where_it_is_known():
    table = pd.DataFrame(
        {
            "file": ["a", "b", "c"],
            "human_top": ["cat", None, "dog"],
            "human_rejects": [True, None, False],
            "human_error": [0.25, np.nan, 0.0],
            "near_duplicate": [7, None, 2],
        }
    )
    columns, parts = pack_columns(table)
    codes = {
        part.name: np.frombuffer(zlib.decompress(base64.b64decode(part.text)), part.kind)
        for part in parts[1:]
    }
    found = {column["name"]: column for column in columns}
    assert [found["human_top"]["values"][code] for code in codes["column-human_top"]] == [
        "cat",
        "",
        "dog",
    ]
    assert (
        codes["column-human_rejects"].tolist() == [1, 255, 0]
        and found["human_rejects"]["step"] == 1
    )
    assert {name for name in found if found[name].get("truth")} == {"human_rejects"}
    assert (
        codes["column-near_duplicate"].tolist() == [5, 255, 0]
        and found["near_duplicate"]["low"] == 2
    )
    assert codes["column-human_error"].tolist() == [65534, 65535, 0]
