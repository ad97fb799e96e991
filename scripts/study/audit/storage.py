"""A bundled study in an S3 bucket or in a shared folder."""

import contextlib
import logging
import os
import shlex
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from study.audit.bundles import BUNDLE
from study.config.addresses import CREDENTIALS, check_address
from study.errors import StudyError, one_line
from study.files import atomic_path

# Nobody waits for minutes to hear that an address is wrong.
_CONNECT_SECONDS, _ANSWER_SECONDS, _RETRIES = 5, 20, 2


def open_storage(address: str) -> "Storage":
    """Return the storage at an address; nothing is asked of it yet.

    Args:
        address: s3://bucket/folder or fs:///folder, in which the bundle lies as study.tar.gz.

    Raises:
        StudyError: it is no address, or its plugin is not installed.
    """
    return {"s3": S3Storage, "fs": FolderStorage}[check_address(address)](address)


class Storage(ABC):
    """Where a bundle can be kept.

    Attributes:
        bundle: where it lies, for people to read.
    """

    bundle: str

    @abstractmethod
    def check(self) -> None:
        """Insist on a bucket or folder that is there.

        Raises:
            StudyError: it is not there, or cannot be reached, or not with these credentials.
        """

    @abstractmethod
    def insist_on_bundle(self) -> None:
        """Insist on a bundle there.

        Raises:
            StudyError: there is none, or what `check` raises.
        """

    @abstractmethod
    def send(self, path: Path) -> None:
        """Store a file as the bundle; the one before stays until the new one is whole.

        Raises:
            StudyError: it is refused, or what `check` raises.
            OSError: a folder cannot be written, or has no room.
        """

    @abstractmethod
    def fetch(self, path: Path) -> None:
        """Write the bundle to a file.

        Raises:
            StudyError: it did not arrive, or what `insist_on_bundle` raises.
            OSError: a folder cannot be read, or there is no room here.
        """

    def _nothing_there(self) -> StudyError:
        return StudyError(
            f"{self.bundle}: nothing is there; `snakemake push` puts a finished study there"
        )


class S3Storage(Storage):
    """A folder of an S3 bucket, by Snakemake's storage plugin.

    Credentials, endpoint and region come from where the plugin reads them:
        SNAKEMAKE_STORAGE_S3_ACCESS_KEY, …_SECRET_KEY, …_ENDPOINT_URL
    and …_REGION, or AWS's own environment variables and files.

    The plugin's objects are asked directly and are no inputs or outputs of rules. Snakemake removes
    a job's outputs before the job runs and after it has failed. That would delete what was pushed
    the last time, and the plugin would then delete the empty bucket.
    """

    def __init__(self, address: str):
        self.bundle = f"{address.rstrip('/')}/{BUNDLE}"
        plugin = _s3_plugin(self.bundle)
        import boto3
        from boto3.exceptions import Boto3Error
        from botocore import config, exceptions, session
        from snakemake_interface_common.exceptions import WorkflowError

        # What is raised where something is wrong with the storage and not with the code.
        self._failures = (
            exceptions.BotoCoreError, exceptions.ClientError, Boto3Error, WorkflowError, ValueError,
        )  # fmt: skip
        # By themselves S3's clients wait for a minute, several times over.
        patience = session.get_session()
        patience.set_default_client_config(
            config.Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_ANSWER_SECONDS)
        )
        boto3.setup_default_session(botocore_session=patience)
        with self._in_one_line():
            self._provider = _provider(plugin)
        self._client = self._provider.s3c.meta.client

    def check(self) -> None:
        """Insist on a bucket that answers to these credentials; the plugin would make one."""
        with self._in_one_line():
            self._client.head_bucket(Bucket=self._stored().bucket)

    def insist_on_bundle(self) -> None:
        """Insist on a bundle in the bucket."""
        self.check()
        with self._in_one_line():
            if not self._stored().exists():
                raise self._nothing_there()

    def send(self, path: Path) -> None:
        """Store a file as the bundle; S3 shows it when it is whole."""
        self.check()
        with self._in_one_line():
            self._stored(path).store_object()

    def fetch(self, path: Path) -> None:
        """Write the bundle to a file."""
        self.insist_on_bundle()
        with self._in_one_line():
            self._stored(path).retrieve_object()

    def _stored(self, path: Path | None = None) -> Any:
        """Return the plugin's object of the bundle, with a local file as its copy."""
        stored = self._provider.object(self.bundle)
        stored.set_local_path(path and path.absolute())
        return stored

    @contextlib.contextmanager
    def _in_one_line(self) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            raise StudyError(f"{self.bundle}: {self._explain(error)}") from error

    def _explain(self, error: Exception) -> str:
        response = getattr(error, "response", None) or {}
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 404:
            return (
                f"there is no such bucket at {self._client.meta.endpoint_url}; "
                "make it first, or write another address"
            )
        if status in (401, 403) or "credentials" in str(error):
            return f"access was refused ({one_line(error)}); {CREDENTIALS}"
        return (
            f"{one_line(error)}; check the network, and SNAKEMAKE_STORAGE_S3_ENDPOINT_URL, "
            "which names a server other than AWS"
        )


class FolderStorage(Storage):
    """A folder of another file system, such as a share."""

    def __init__(self, address: str):
        self._path = Path(address.removeprefix("fs://"), BUNDLE)
        self.bundle = str(self._path)

    def check(self) -> None:
        """Insist on the folder, and that no pipe lies there, which would be waited for without end.

        A folder that is made where a share is not mounted would hide the mistake.
        """
        folder = self._path.parent
        if not folder.is_dir():
            raise StudyError(
                f"{folder}: no such folder; mount the share, or make it: mkdir -p "
                f"{shlex.quote(str(folder))}"
            )
        if self._path.exists() and not self._path.is_file():
            raise StudyError(f"{self.bundle}: is no regular file; remove it, and push again")

    def insist_on_bundle(self) -> None:
        """Insist on a bundle in the folder."""
        self.check()
        if not self._path.exists():
            raise self._nothing_there()

    def send(self, path: Path) -> None:
        """Store a file as the bundle, under another name until it is whole."""
        self.check()
        with atomic_path(self._path) as temporary:
            _copy(path, temporary)

    def fetch(self, path: Path) -> None:
        """Write the bundle to a file."""
        self.insist_on_bundle()
        _copy(self._path, path)


def _copy(source: Path, target: Path) -> None:
    """Copy a file. Errors name the one of the two that they are of: those of shutil may not."""
    with _named_in_errors(target), source.open("rb") as read, target.open("wb") as written:
        while content := _next_part(source, read):
            written.write(content)


def _next_part(source: Path, read: IO[bytes]) -> bytes:
    with _named_in_errors(source):
        return read.read(1 << 20)


@contextlib.contextmanager
def _named_in_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _s3_plugin(bundle: str) -> Any:
    """Return Snakemake's storage plugin for S3."""
    try:
        from snakemake_interface_storage_plugins.registry import StoragePluginRegistry

        return StoragePluginRegistry().plugins["s3"]
    except (ImportError, KeyError) as error:
        package = "snakemake-storage-plugin-s3"
        raise StudyError(f"{bundle}: needs {package}; python -m pip install {package}") from error


def _provider(plugin: Any) -> Any:
    """Return the plugin's provider with the settings that the environment has for it."""
    variables = {
        info["name"]: info["env_var"] for info in plugin.get_settings_info() if info["env_var"]
    }
    settings = {"retries": _RETRIES} | {
        name: os.environ[variable] for name, variable in variables.items() if variable in os.environ
    }
    return plugin.storage_provider(
        # Nothing is written there: each object is told its local file.
        local_prefix=Path(tempfile.gettempdir()),
        logger=logging.getLogger(__name__),
        settings=plugin.settings_cls(**settings),
    )
