"""A certificate authority and what it signs, as PEM files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trustme import CA, LeafCert

CLIENT_KEY_PASSWORD = "client-key-pw"


@dataclass(frozen=True, slots=True)
class Certificates:
    """
    Paths of PEM files, all issued by one authority but for `foreign_ca`.

    A "pair" holds key and certificate in one file, as Kafka wants them.
    """

    ca: Path
    foreign_ca: Path
    server_pair: Path
    other_host_pair: Path
    client: Path
    client_key: Path
    client_key_encrypted: Path


def write_certificates(folder: Path) -> Certificates:
    """Issue a fresh set into `folder`."""
    import trustme

    ca = trustme.CA()
    client = ca.issue_cert("client", common_name="client")
    key = client.private_key_pem.bytes()
    return Certificates(
        ca=_write(folder / "ca.pem", ca.cert_pem.bytes()),
        foreign_ca=_write(folder / "foreign-ca.pem", trustme.CA().cert_pem.bytes()),
        server_pair=_write_pair(folder / "server.pem", ca, "localhost", "127.0.0.1"),
        other_host_pair=_write_pair(folder / "other-host.pem", ca, "other.example"),
        client=_write(folder / "client.pem", _chain(client)),
        client_key=_write(folder / "client.key", _pkcs8(key)),
        client_key_encrypted=_write(
            folder / "client-encrypted.key", _pkcs8(key, CLIENT_KEY_PASSWORD)
        ),
    )


def _write_pair(path: Path, ca: "CA", *names: str) -> Path:
    leaf = ca.issue_cert(*names, common_name=names[0])
    return _write(path, _pkcs8(leaf.private_key_pem.bytes()) + _chain(leaf))


def _chain(leaf: "LeafCert") -> bytes:
    return b"".join(blob.bytes() for blob in leaf.cert_chain_pems)


def _pkcs8(pem: bytes, password: str | None = None) -> bytes:
    # Kafka refuses "BEGIN EC PRIVATE KEY", the form in which trustme hands keys out.
    from cryptography.hazmat.primitives import serialization as form

    encryption = (
        form.BestAvailableEncryption(password.encode()) if password else form.NoEncryption()
    )
    key = form.load_pem_private_key(pem, password=None)
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, encryption)


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path
