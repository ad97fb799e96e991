"""An S3 server on loopback, for studies that are kept in a bucket or run in one."""

import logging

import pytest


@pytest.fixture(scope="session")
def endpoint():
    """The address of a server."""
    server = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    s3 = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    yield "http://{}:{}".format(*s3.get_host_and_port())
    s3.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch, tmp_path):
    """An empty bucket, `lab`; processes find it, and no other storage, by their environment."""
    boto3 = pytest.importorskip("boto3")
    for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(f"AWS_{name}", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, value in {"ENDPOINT_URL": endpoint, "ACCESS_KEY": "us", "SECRET_KEY": "x"}.items():
        monkeypatch.setenv(f"SNAKEMAKE_STORAGE_S3_{name}", value)
    key = {"aws_access_key_id": "us", "aws_secret_access_key": "x"}
    lab = boto3.resource("s3", "us-east-1", endpoint_url=endpoint, **key).Bucket("lab")
    lab.create()
    yield lab
    lab.object_versions.delete()
    lab.delete()
