"""A bundled study in an S3 bucket or in a shared folder, by Snakemake's storage plugins.

The plugins' objects are asked directly and are no inputs or outputs of rules. Snakemake removes a
job's outputs before the job runs and after it has failed. That would delete what was pushed the
last time, and the S3 plugin would then delete the empty bucket.
"""

import contextlib
import logging
import os
import shlex
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    # What the plugin raises where something is wrong with the storage and not with the code.
    _failures: tuple[type[Exception], ...]

    @abstractmethod
    def check(self) -> None:
        """Insist on a bucket or folder that is there, which the plugin by itself would make.

        Raises:
            StudyError: it is not there, or cannot be reached, or not with these credentials, or a
                command is missing.
        """

    def insist_on_bundle(self) -> None:
        """Insist on a bundle there.

        Raises:
            StudyError: there is none, or what `check` raises.
        """
        self.check()
        with self._in_one_line():
            if not self._stored().exists():
                raise StudyError(
                    f"{self.bundle}: nothing is there; `snakemake push` puts a finished study there"
                )

    @abstractmethod
    def send(self, path: Path) -> None:
        """Store a file as the bundle; the one before stays until the new one is whole.

        Raises:
            StudyError: it is refused, or what `check` raises.
        """

    def fetch(self, path: Path) -> None:
        """Write the bundle to a file.

        Raises:
            StudyError: it did not arrive, or what `insist_on_bundle` raises.
        """
        self.insist_on_bundle()
        with self._in_one_line():
            self._stored(path).retrieve_object()

    @abstractmethod
    def _stored(self, path: Path | None = None) -> Any:
        """Return the plugin's object of the bundle, with a local file as its copy."""

    @abstractmethod
    def _explain(self, error: Exception) -> str: ...

    @contextlib.contextmanager
    def _in_one_line(self) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            raise StudyError(f"{self.bundle}: {self._explain(error)}") from error


class S3Storage(Storage):
    """A folder of an S3 bucket.

    Credentials, endpoint and region come from where the plugin reads them:
        SNAKEMAKE_STORAGE_S3_ACCESS_KEY, …_SECRET_KEY, …_ENDPOINT_URL
    and …_REGION, or AWS's own environment variables and files.
    """

    def __init__(self, address: str):
        self.bundle = f"{address.rstrip('/')}/{BUNDLE}"
        plugin = _plugin("s3", self.bundle)
        import boto3
        from boto3.exceptions import Boto3Error
        from botocore import config, exceptions, session
        from snakemake_interface_common.exceptions import WorkflowError

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
            self._provider = _provider(plugin, retries=_RETRIES)
        self._client = self._provider.s3c.meta.client

    def check(self) -> None:
        """Insist on a bucket that answers to these credentials."""
        with self._in_one_line():
            self._client.head_bucket(Bucket=self._stored().bucket)

    def send(self, path: Path) -> None:
        """Store a file as the bundle; S3 shows it when it is whole."""
        self.check()
        with self._in_one_line():
            self._stored(path).store_object()

    def _stored(self, path: Path | None = None) -> Any:
        stored = self._provider.object(self.bundle)
        stored.set_local_path(path and path.absolute())
        return stored

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
    """A folder of another file system, such as a share. The plugin copies by rsync."""

    def __init__(self, address: str):
        self._folder = Path(address.removeprefix("fs://"))
        self.bundle = str(self._folder / BUNDLE)
        self._provider = _provider(_plugin("fs", self.bundle))
        from snakemake_interface_common.exceptions import WorkflowError

        self._failures = (WorkflowError,)

    def check(self) -> None:
        """Insist on the folder and on rsync."""
        if not shutil.which("rsync"):
            raise StudyError(
                f"{self.bundle}: storage in a folder needs the command rsync; apt install rsync, "
                "or with your system's package manager"
            )
        # One that is made in place of a share that is not mounted would hide the mistake.
        if not self._folder.is_dir():
            raise StudyError(
                f"{self._folder}: no such folder; mount the share, or make it: mkdir -p "
                f"{shlex.quote(str(self._folder))}"
            )

    def insist_on_bundle(self) -> None:
        """Insist on a bundle there that is a file: a pipe would be waited for without end."""
        super().insist_on_bundle()
        if not Path(self.bundle).is_file():
            raise StudyError(f"{self.bundle}: is no regular file; remove it, and push again")

    def send(self, path: Path) -> None:
        """Store a file as the bundle, under another name until it is whole."""
        self.check()
        with atomic_path(self.bundle) as temporary, self._in_one_line():
            self._stored(path, temporary).store_object()

    def _stored(self, path: Path | None = None, place: Path | None = None) -> Any:
        stored = self._provider.object(str(place or self.bundle))
        stored.set_local_path(path and path.absolute())
        return stored

    def _explain(self, error: Exception) -> str:
        return f"rsync failed: {one_line(error)}"


def _plugin(scheme: str, bundle: str) -> Any:
    """Return the storage plugin of a scheme."""
    try:
        from snakemake_interface_storage_plugins.registry import StoragePluginRegistry

        installed = StoragePluginRegistry().plugins
    except ImportError:
        installed = {}
    if scheme not in installed:
        package = f"snakemake-storage-plugin-{scheme}"
        raise StudyError(f"{bundle}: needs {package}; python -m pip install {package}")
    return installed[scheme]


def _provider(plugin: Any, **settings: Any) -> Any:
    """Return a plugin's provider with the settings that the environment has for it."""
    variables = {
        info["name"]: info["env_var"] for info in plugin.get_settings_info() if info["env_var"]
    }
    settings |= {
        name: os.environ[variable] for name, variable in variables.items() if variable in os.environ
    }
    return plugin.storage_provider(
        local_prefix=Path(
            tempfile.gettempdir()
        ),  # nothing is written there: each object is told its local file
        logger=logging.getLogger(__name__),
        settings=plugin.settings_cls(**settings) if plugin.has_settings_cls() else None,
    )
