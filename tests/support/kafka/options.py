"""What a test can ask of its cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Listener(StrEnum):
    """A way into the cluster; the name is Kafka's name of the listener."""

    PLAINTEXT = "PLAINTEXT"
    TLS = "TLS"
    MTLS = "MTLS"
    TLS_WRONG_HOST = "TLS_WRONG_HOST"
    """Shows a certificate of the right authority for another host."""
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"
    SASL_FEW = "SASL_FEW"
    """Takes logins without TLS by PLAIN and SCRAM-SHA-512 only."""
    CLOSED_PORT = "CLOSED_PORT"
    """Answers, then advertises a port of this host that nobody listens on."""
    UNRESOLVABLE = "UNRESOLVABLE"
    """Answers, then advertises a host name that does not exist."""

    @property
    def protocol(self) -> str:
        """Kafka's security protocol, as clients must name it too."""
        if self in {Listener.TLS, Listener.MTLS, Listener.TLS_WRONG_HOST}:
            return "SSL"
        if self is Listener.SASL_FEW:
            return "SASL_PLAINTEXT"
        return self.value if self.uses_sasl else "PLAINTEXT"

    @property
    def uses_tls(self) -> bool:
        """Whether clients need the authority's certificate."""
        return self.protocol.endswith("SSL")

    @property
    def uses_sasl(self) -> bool:
        """Whether clients must log in."""
        return self in {Listener.SASL_PLAINTEXT, Listener.SASL_SSL, Listener.SASL_FEW}


class Mechanism(StrEnum):
    """A SASL mechanism; the SASL listeners speak all of them, but for `SASL_FEW`."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"
    OAUTHBEARER = "OAUTHBEARER"


SCRAM = (Mechanism.SCRAM_SHA_256, Mechanism.SCRAM_SHA_512)


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in on a SASL listener, and how. OAUTHBEARER ignores the password."""

    user: str
    password: str
    mechanism: Mechanism = Mechanism.PLAIN

    def by(self, mechanism: Mechanism) -> "Login":
        """Return the same user with another mechanism."""
        return Login(self.user, self.password, mechanism)


ADMIN = Login("admin", "admin-pw")  # may do everything, also where there are ACLs
ALICE = Login("alice", "alice-pw")  # may do what an ACL allows
LOGINS = (ADMIN, ALICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """How a cluster differs from a plain one."""

    listeners: tuple[Listener, ...] = ()
    """Beside PLAINTEXT, which is always there."""

    acls: bool = False
    """Deny what no ACL allows, but for `ADMIN` and for clients without a name.

    PLAINTEXT and TLS clients have none (User:ANONYMOUS); an MTLS client is
    called as its certificate says, "client" for ours.
    """

    session_timeout_ms: int = 9000
    """How long a silent broker keeps its partitions. Kafka's default is 9000;
    1000 makes a kill and restart take 2.5 s instead of 11.5 s."""

    disk_mb: int | None = None
    """Give each node a disk of this size, for `fill_disk`; needs root and Linux.
    Kafka maps 10 MB index files sparsely, 32 is a good size."""

    is_light: bool = True
    """Start soon and stay small; otherwise as Kafka's own script starts a broker, with a heap
    of 1 GB and all of the compiler."""

    settings: Mapping[str, str] = field(default_factory=dict)
    """Any broker settings; they win over all others."""
