"""An S3 server in this process: moto, which answers the API of Amazon S3."""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import boto3
from moto.server import ThreadedMotoServer

_LOGIN = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_REGION": "us-east-1",
}


@contextmanager
def s3_server() -> Iterator[str]:
    """Run the server; gives its endpoint."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def aws_environment(endpoint: str) -> Iterator[dict[str, str]]:
    """Set what a program finds on a machine that uses the store; gives the variables."""
    variables = {**_LOGIN, "AWS_ENDPOINT_URL": endpoint}
    with ExitStack() as undo:
        for name, value in variables.items():
            undo.callback(_put_back, name, os.environ.get(name))
            os.environ[name] = value
        yield variables


def fresh_bucket(endpoint: str) -> str:
    """Make a bucket nobody has used; return its name."""
    name = f"test-{uuid4().hex[:12]}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=_LOGIN["AWS_REGION"],
        aws_access_key_id=_LOGIN["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=_LOGIN["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket=name)
    client.close()
    return name


def _put_back(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
