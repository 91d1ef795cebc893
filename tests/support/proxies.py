"""nginx and Caddy from Debian, run with the recipes of deploy/proxy on ports of their own."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.support.kafka.ports import ReservedPorts
from tests.support.schemas import ROOT

RECIPES = ROOT / "deploy" / "proxy"
_START_TIMEOUT_S = 20.0
# Run by root, its workers would be another user, who cannot see a test's folder.
_NGINX = """\
user root;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/main.log warn;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    include {folder}/inferbus.conf;
}}
"""


def why_missing(name: str) -> str | None:
    """Return why a proxy cannot be run here, None where it can."""
    return None if _program(name) else f"no {name}: scripts/packages installs Debian's"


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy: its base URL, and the folder with all that it writes."""

    url: str
    folder: Path

    @property
    def access_log(self) -> str:
        """The log of requests, as the recipe has it."""
        return (self.folder / "inferbus.log").read_text()

    @property
    def written(self) -> str:
        """Everything in its folder that is no key and no configuration."""
        files = [f for f in self.folder.rglob("*") if f.suffix == ".log"]
        return "".join(file.read_text(errors="replace") for file in files)


@contextlib.contextmanager
def proxy(name: str, folder: Path, upstream: str, authority: trustme.CA) -> Iterator[Proxy]:
    """Run `nginx` or `caddy` in front of an upstream (host:port), its recipe as it stands."""
    folder.mkdir()
    folder.chmod(0o755)
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "privkey.pem")
    with (folder / "fullchain.pem").open("wb") as chain:
        chain.writelines(blob.bytes() for blob in certificate.cert_chain_pems)
    with ReservedPorts() as ports, (folder / "output.log").open("wb") as output:
        port = ports.reserve()
        command = _COMMANDS[name](folder, port, upstream)
        running = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
        try:
            _wait_for(port, running, folder)
            yield Proxy(f"https://127.0.0.1:{port}", folder)
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(15)


def _nginx(folder: Path, port: int, upstream: str) -> list[str]:
    text = _recipe(
        "nginx.conf",
        {
            "server 127.0.0.1:8080;": f"server {upstream};",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "server_name hooks.example.com;": "server_name 127.0.0.1;",
            "/etc/ssl/inferbus": str(folder),
            "/var/log/nginx": str(folder),
            "client_header_timeout 10s;": "client_header_timeout 1s;",
        },
    )
    (folder / "inferbus.conf").write_text(text)
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder))
    return [str(_program("nginx")), "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _caddy(folder: Path, port: int, upstream: str) -> list[str]:
    text = _recipe(
        "Caddyfile",
        {
            "{\n\tservers {": "{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {",
            # On loopback only: on other addresses the port may be somebody else's.
            "hooks.example.com {": (
                f"https://127.0.0.1:{port} {{\n\tbind 127.0.0.1\n\ttls fullchain.pem privkey.pem"
            ),
            "127.0.0.1:8080": upstream,
            "/var/log/caddy": str(folder),
            "read_header 10s": "read_header 1s",
        },
    )
    (folder / "Caddyfile").write_text(text)
    return [str(_program("caddy")), "run", "--config", "Caddyfile"]


_COMMANDS = {"nginx": _nginx, "caddy": _caddy}


def _recipe(name: str, changes: Mapping[str, str]) -> str:
    """Return a recipe with what everybody has to put in; each place is there."""
    text = (RECIPES / name).read_text()
    for place, instead in changes.items():
        assert place in text, f"{name} has no {place!r}"
        text = text.replace(place, instead)
    return text


def _wait_for(port: int, running: "subprocess.Popen[bytes]", folder: Path) -> None:
    ends_at = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < ends_at:
        assert running.poll() is None, (folder / "output.log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError((folder / "output.log").read_text())
