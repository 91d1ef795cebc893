"""
The register of faults: every line that the preflight can say, and how one comes about.

`docs/kafka.md` shows this register; a test keeps the two equal.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: a short word for programs, one line for people."""

    code: str
    server: str
    message: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of problem: its word, its line with gaps, what brings it about."""

    code: str
    line: str
    cause: str


class ProbeFailedError(Exception):
    """A step of the preflight failed; later steps cannot be taken."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


_CORRECT = "correct INFERBUS_KAFKA__BOOTSTRAP_SERVERS"

_REACHING = (
    Fault(
        "unresolved",
        "{server}: the name {host} cannot be resolved: " + _CORRECT + " or this machine's DNS",
        "a typing error, a name known only inside a container network",
    ),
    Fault(
        "refused",
        "{server}: connection refused, nothing listens there: start Kafka or " + _CORRECT,
        "broker down, wrong port",
    ),
    Fault(
        "connect-timeout",
        "{server}: no connection within {waited:g} s: open the firewall for it or " + _CORRECT,
        "a firewall or security group drops packets",
    ),
    Fault(
        "unreachable",
        "{server}: cannot be reached ({why}): repair the network or " + _CORRECT,
        "no route to the broker's network",
    ),
    Fault(
        "silent",
        "{server}: takes connections but answers nothing within {waited:g} s: the broker is"
        " frozen or overloaded, look at its log",
        "a stopped process, a full disk, a proxy without a broker behind it",
    ),
    Fault(
        "web-server",
        "{server}: a web server answers there, not Kafka: " + _CORRECT,
        "the port of a REST proxy, a console or the ingest itself",
    ),
    Fault(
        "not-kafka",
        "{server}: something answers there that is not Kafka: " + _CORRECT,
        "another service's port",
    ),
    Fault(
        "hung-up",
        "{server}: closes the connection without an answer: look at the broker's log for why",
        "a proxy without a broker behind it, a broker at its limit of connections",
    ),
)

_TLS = (
    Fault(
        "tls-wanted",
        "{server}: speaks TLS only: set INFERBUS_KAFKA__SECURITY_PROTOCOL={protocol} or use a"
        " port without TLS",
        "protocol PLAINTEXT or SASL_PLAINTEXT on a TLS listener",
    ),
    Fault(
        "tls-not-wanted",
        "{server}: speaks no TLS: set INFERBUS_KAFKA__SECURITY_PROTOCOL={protocol} or use its"
        " TLS port",
        "protocol SSL or SASL_SSL on a listener without TLS",
    ),
    Fault(
        "certificate-untrusted",
        "{server}: its certificate is not trusted ({why}): set INFERBUS_KAFKA__SSL_CAFILE to the"
        " certificate of the authority that issued it",
        "a private authority, or a self-signed certificate",
    ),
    Fault(
        "certificate-name",
        "{server}: its certificate is for {names}, not for {host}: connect by a name it holds or"
        " have {host} added to it",
        "connecting by address, by an alias or through a tunnel",
    ),
    Fault(
        "certificate-expired",
        "{server}: its certificate has expired: have it renewed on the broker, or set this"
        " machine's clock right",
        "a forgotten renewal",
    ),
    Fault(
        "certificate-early",
        "{server}: its certificate is not valid yet: set this machine's clock right",
        "a clock that is behind",
    ),
    Fault(
        "client-certificate-missing",
        "{server}: wants a client certificate: set INFERBUS_KAFKA__SSL_CERTFILE and"
        " INFERBUS_KAFKA__SSL_KEYFILE",
        "mTLS listener, no certificate configured",
    ),
    Fault(
        "client-certificate-refused",
        "{server}: refuses the client certificate {file}: have it issued by an authority that"
        " the broker trusts",
        "mTLS listener, certificate of another authority or expired",
    ),
    Fault(
        "ca-file",
        "INFERBUS_KAFKA__SSL_CAFILE: {file} holds no certificate in PEM form: convert or"
        " replace it",
        "a Java keystore or a DER file",
    ),
    Fault(
        "client-key",
        "INFERBUS_KAFKA__SSL_CERTFILE: {file} and its key cannot be used: give PEM files that"
        " belong together, and INFERBUS_KAFKA__SSL_KEY_PASSWORD where the key is encrypted",
        "key of another certificate, missing or wrong key password",
    ),
    Fault(
        "tls-failed",
        "{server}: the TLS handshake failed ({why}): let the broker offer TLS 1.2 or newer with"
        " ciphers this machine has; where it wants a client certificate, set"
        " INFERBUS_KAFKA__SSL_CERTFILE",
        "a broker that speaks TLS 1.1 at most, no cipher in common",
    ),
)

_LOGIN = (
    Fault(
        "login-wanted",
        "{server}: wants a login ({offered}): set INFERBUS_KAFKA__SECURITY_PROTOCOL={protocol},"
        " INFERBUS_KAFKA__SASL_MECHANISM, INFERBUS_KAFKA__SASL_USERNAME and"
        " INFERBUS_KAFKA__SASL_PASSWORD",
        "protocol PLAINTEXT or SSL on a SASL listener",
    ),
    Fault(
        "login-not-wanted",
        "{server}: takes no login: set INFERBUS_KAFKA__SECURITY_PROTOCOL={protocol} or use its"
        " SASL port",
        "SASL protocol on a listener without SASL",
    ),
    Fault(
        "mechanism-not-offered",
        "{server}: does not offer {mechanism}: set INFERBUS_KAFKA__SASL_MECHANISM to {offered}",
        "mechanism not in the listener's `sasl.enabled.mechanisms`",
    ),
    Fault(
        "login-refused",
        "{server}: refuses the login of {user} by {mechanism}: check"
        " INFERBUS_KAFKA__SASL_USERNAME and INFERBUS_KAFKA__SASL_PASSWORD",
        "wrong password, unknown user, SCRAM user made for the other mechanism",
    ),
    Fault(
        "token-refused",
        "{server}: refuses the token: check that it is not expired and that its issuer,"
        " audience and scope are those the broker wants",
        "token of another issuer, for another audience, expired",
    ),
    Fault(
        "token-unavailable",
        "no token to log in with, {why}: check the settings INFERBUS_KAFKA__OAUTH_*",
        "token endpoint down, wrong client secret, missing or empty token file",
    ),
)

_ADVERTISED = (
    Fault(
        "advertised-unresolved",
        "{server}: answers, but calls broker {node} {advertised}, a name that cannot be resolved"
        " here: set the broker's advertised.listeners to a name that clients know",
        "a broker in a container that advertises its container name",
    ),
    Fault(
        "advertised-unreachable",
        "{server}: answers, but calls broker {node} {advertised}, where no connection can be"
        " made: set the broker's advertised.listeners to an address that clients reach",
        "a broker that advertises localhost, a private address or an unpublished port",
    ),
    Fault(
        "advertised-wrong",
        "{server}: answers, but calls broker {node} {advertised}, which fails: {problem}",
        "an advertised address of another listener, or one its certificate does not hold",
    ),
)

_TOPICS = (
    Fault(
        "topic-missing",
        "topic {topic} does not exist: run `inferbus topics create`",
        "first start, or another INFERBUS_TOPICS__PREFIX",
    ),
    Fault(
        "right-missing",
        "no right to {operation} {resource} {name}: run kafka-acls.sh --add --allow-principal"
        " User:{user} --operation {operation} {flag}",
        "an ACL that is not there",
    ),
    Fault(
        "brokers-few",
        "{wanted} replicas are wanted, the cluster has {count} broker(s): add brokers or set"
        " INFERBUS_TOPICS__REPLICATION_FACTOR={count}",
        "a replication factor above the number of brokers",
    ),
    Fault(
        "replicas-few",
        "topic {topic} has {count} replica(s), {wanted} are wanted: add replicas with"
        " kafka-reassign-partitions.sh or set INFERBUS_TOPICS__REPLICATION_FACTOR={count}",
        "a topic made before the cluster grew",
    ),
    Fault(
        "insync-few",
        "topic {topic} has {count} replica(s) in sync, its min.insync.replicas is {wanted}: bring"
        " brokers back or lower min.insync.replicas; until then Kafka refuses every record",
        "brokers down, or a minimum above the replication factor",
    ),
    Fault(
        "limit-small",
        "topic {topic} takes records up to {limit} bytes, ours reach {needed}: raise its"
        " max.message.bytes to {needed} or lower INFERBUS_INGEST__INLINE_LIMIT_BYTES",
        "`max.message.bytes` of the topic, or the broker's `message.max.bytes`",
    ),
)

FAULTS = {fault.code: fault for fault in (*_REACHING, *_TLS, *_LOGIN, *_ADVERTISED, *_TOPICS)}


def problem(code: str, server: str = "", **facts: object) -> Problem:
    """Return the problem with the register's line, its gaps filled."""
    line = FAULTS[code].line.format(server=server, **facts)
    return Problem(code, server, " ".join(line.split()))


def failed(code: str, server: str = "", **facts: object) -> ProbeFailedError:
    """Return the error that ends a probe with this problem."""
    return ProbeFailedError(problem(code, server, **facts))
