"""The TLS step: our files, the handshake, and what its failure means."""

import socket
import ssl
from pathlib import Path
from typing import Any

from bus.kafka.preflight.deadline import Deadline
from bus.kafka.preflight.reach import Address, connect
from bus.kafka.preflight.verdicts import ProbeFailedError, Problem, failed, problem
from bus.kafka.preflight.wire import HungUpError
from bus.runtime.settings_sections import KafkaSettings

# X509_V_ERR_* of OpenSSL
_NOT_YET_VALID, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64
# Alerts by which a server complains of the client's certificate; Java says the first of them
# to a client that shows none.
_ABOUT_OUR_CERTIFICATE = (
    "BAD_CERTIFICATE",
    "CERTIFICATE_REQUIRED",
    "CERTIFICATE_UNKNOWN",
    "CERTIFICATE_EXPIRED",
    "UNKNOWN_CA",
)


def client_context(settings: KafkaSettings) -> ssl.SSLContext:
    """Return the context the settings describe. Raises `ProbeFailedError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ssl_cafile is None:
        context.load_default_certs()
    else:
        _trust(context, settings.ssl_cafile)
    if settings.ssl_certfile is not None:
        _show_certificate(context, settings, settings.ssl_certfile)
    return context


def _trust(context: ssl.SSLContext, cafile: Path) -> None:
    try:
        context.load_verify_locations(cafile)
    except (ssl.SSLError, OSError) as error:
        raise failed("ca-file", file=cafile) from error


def _show_certificate(context: ssl.SSLContext, settings: KafkaSettings, certificate: Path) -> None:
    password = settings.ssl_key_password.get_secret_value() if settings.ssl_key_password else ""
    try:
        # A password that is None would make OpenSSL ask the terminal.
        context.load_cert_chain(certificate, settings.ssl_keyfile, password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise failed("client-key", file=certificate) from error


def encrypt(
    sock: socket.socket, address: Address, context: ssl.SSLContext, deadline: Deadline
) -> ssl.SSLSocket:
    """
    Return the socket after the handshake.

    Raises `ProbeFailedError` where the certificate is at fault, `HungUpError` where the other
    end seems to speak no TLS, `ssl.SSLError` for its alerts, `TimeoutError`.
    """
    sock.settimeout(deadline.left_s())
    try:
        return context.wrap_socket(sock, server_hostname=address.host.rstrip("."))
    except ssl.SSLCertVerificationError as error:
        sock.close()
        raise ProbeFailedError(_certificate_problem(error, address, context, deadline)) from error
    except (ssl.SSLEOFError, ConnectionError) as error:
        sock.close()
        raise HungUpError from error
    except OSError:
        sock.close()
        raise


def _certificate_problem(
    error: ssl.SSLCertVerificationError,
    address: Address,
    context: ssl.SSLContext,
    deadline: Deadline,
) -> Problem:
    server = str(address)
    if error.verify_code == _EXPIRED:
        return problem("certificate-expired", server)
    if error.verify_code == _NOT_YET_VALID:
        return problem("certificate-early", server)
    if error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        names = _names(address, context, deadline)
        return problem("certificate-name", server, names=names, host=address.host)
    return problem("certificate-untrusted", server, why=error.verify_message)


def _names(address: Address, context: ssl.SSLContext, deadline: Deadline) -> str:
    """Shake hands again, caring for the chain alone: only then Python shows the certificate."""
    context.check_hostname = False
    try:
        with context.wrap_socket(connect(address, deadline)) as sock:
            certificate: Any = sock.getpeercert()
    except (OSError, ProbeFailedError):
        return "another name"
    names = (name for _, name in certificate.get("subjectAltName", ()))
    return ", ".join(names) or "another name"


def alert_problem(error: ssl.SSLError, address: Address, settings: KafkaSettings) -> Problem:
    """Say what a TLS alert of the server, or another failure of the handshake, means."""
    reason = error.reason or ""
    if "ALERT" in reason and reason.endswith(_ABOUT_OUR_CERTIFICATE):
        if settings.ssl_certfile is None:
            return problem("client-certificate-missing", str(address))
        return problem("client-certificate-refused", str(address), file=settings.ssl_certfile)
    why = reason.lower().replace("_", " ") or "no reason given"
    return problem("tls-failed", str(address), why=why)
