"""Check the address where a bundled study is kept."""

import re

from study.errors import StudyError, one_line

# Without braces, which Snakemake takes for wildcards, and control characters.
_ADDRESSES = {
    "s3": re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]+(/[^{}\x00-\x1f]*)?"),
    "fs": re.compile(r"fs:///[^{}\x00-\x1f]*"),
}
_EXAMPLES = "s3://my-bucket/my-study or fs:///mnt/share/my-study"
CREDENTIALS = (
    "credentials are read from SNAKEMAKE_STORAGE_S3_ACCESS_KEY and "
    "SNAKEMAKE_STORAGE_S3_SECRET_KEY, or from AWS's own variables and files"
)


def check_address(address: str) -> str:
    """Return the scheme of an address, "s3" or "fs".

    Raises:
        StudyError: it is no address.
    """
    if not address:
        raise StudyError(
            "storage is empty, so there is nowhere to push to or to pull from; "
            f"write storage: {_EXAMPLES} in the configuration, "
            "or add --config storage=ADDRESS to the command"
        )
    if "@" in address and not address.startswith("fs:///"):  # not shown: it may hold a password
        raise StudyError(
            f"storage has an @ in its address, where no password belongs: {CREDENTIALS}"
        )
    for scheme, pattern in _ADDRESSES.items():
        if pattern.fullmatch(address):
            return scheme
    raise StudyError(f"storage is {one_line(address)!r}, expected an address such as {_EXAMPLES}")
