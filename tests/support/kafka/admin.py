"""Topics, rights and users of a cluster, by way of its PLAINTEXT listener."""

import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from .errors import KafkaFixtureError
from .options import LOGINS, SCRAM, Login, Mechanism
from .waiting import wait_until

_CALL_TIMEOUT_S = 5.0
_QUICK_CALL_TIMEOUT_S = 1.0
_CHANGE_TIMEOUT_S = 15.0


class Administration:
    """Verbs on what the cluster holds. Each returns when its effect can be seen."""

    _topic_numbers = itertools.count(1)

    def admin_servers(self) -> list[str]:
        """Return the addresses of the nodes that can answer."""
        raise NotImplementedError

    @contextmanager
    def admin(self, *, timeout_s: float = _CALL_TIMEOUT_S) -> Iterator[Any]:
        """Open a kafka-python admin client that may do everything."""
        from kafka import KafkaAdminClient
        from kafka.net import KafkaNetClient

        servers = self.admin_servers()
        if not servers:
            raise KafkaFixtureError("no node is up to answer")
        timeout_ms = int(timeout_s * 1000)
        client = KafkaAdminClient(
            bootstrap_servers=servers,
            bootstrap_timeout_ms=int(_CALL_TIMEOUT_S * 1000),
            request_timeout_ms=timeout_ms,
            reconnect_backoff_max_ms=500,
            # It asks any broker it knows. One that is frozen takes the connection and
            # says nothing, and the 10 s kafka-python then waits are no admin setting.
            kafka_client=partial(KafkaNetClient, socket_connection_setup_timeout_ms=timeout_ms),
        )
        try:
            yield client
        finally:
            client.close()

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        replication_factor: int = -1,
        config: Mapping[str, str] | None = None,
    ) -> None:
        """Create a topic with a leader for each partition; as many replicas as nodes, up to 3."""
        spec = {
            "num_partitions": partitions,
            "replication_factor": replication_factor,
            "configs": dict(config or {}),
        }
        with self.admin() as admin:
            admin.create_topics({name: spec}, wait_for_metadata=True)

    def fresh_topic(
        self,
        partitions: int = 1,
        replication_factor: int = -1,
        config: Mapping[str, str] | None = None,
    ) -> str:
        """Create a topic nobody has used and return its name."""
        name = f"test-{next(self._topic_numbers)}-{uuid.uuid4().hex[:8]}"
        self.create_topic(name, partitions, replication_factor, config)
        return name

    def delete_topic(self, name: str) -> None:
        """Delete a topic; raises kafka-python's error when it does not exist."""
        with self.admin() as admin:
            admin.delete_topics([name])
            gone = lambda: name not in admin.list_topics()  # noqa: E731
            wait_until(gone, f"topic {name} to go", timeout_s=_CHANGE_TIMEOUT_S)

    def leader_of(self, topic: str, partition: int = 0) -> int | None:
        """Return the id of the node leading a partition, None while there is none."""
        return self._leader_of(topic, partition, _CALL_TIMEOUT_S)

    def _leader_of(self, topic: str, partition: int, timeout_s: float) -> int | None:
        with self.admin(timeout_s=timeout_s) as admin:
            (described,) = admin.describe_topics([topic])
        leaders = {p["partition_index"]: p["leader_id"] for p in described["partitions"]}
        if partition not in leaders:
            raise KafkaFixtureError(f"{topic} has no partition {partition}")
        return leaders[partition] if leaders[partition] >= 0 else None

    def wait_for_leader(
        self,
        topic: str,
        partition: int = 0,
        *,
        other_than: int | None = None,
        timeout_s: float = 30,
    ) -> int:
        """Return the leader of a partition once it has one, and not `other_than`."""
        from kafka.errors import KafkaError

        found: list[int] = []

        def is_led() -> bool:
            try:
                leader = self._leader_of(topic, partition, _QUICK_CALL_TIMEOUT_S)
            except KafkaError:  # the client chose to ask the node just lost
                return False
            if leader is None or leader == other_than:
                return False
            found.append(leader)
            return True

        wait_until(is_led, f"a leader of {topic}-{partition}", timeout_s=timeout_s)
        return found[-1]

    def allow(
        self,
        user: str,
        operation: str,
        name: str,
        *,
        resource: str = "TOPIC",
        prefixed: bool = False,
    ) -> None:
        """Allow `user` an operation such as "READ" on a "TOPIC", "GROUP" or other resource.

        Needs ``ClusterOptions(acls=True)``.
        """
        from kafka import admin as kinds

        pattern = "PREFIXED" if prefixed else "LITERAL"
        acl = kinds.ACL(
            f"User:{user}",
            "*",
            kinds.ACLOperation[operation],
            kinds.ACLPermissionType.ALLOW,
            kinds.ResourcePattern(
                kinds.ResourceType[resource], name, kinds.ACLResourcePatternType[pattern]
            ),
        )
        with self.admin() as admin:
            _create_acl(admin, acl)

    def add_scram_user(self, login: Login) -> None:
        """Let a user log in by SCRAM, or give it a new password."""
        self.add_scram_users([login])

    def add_scram_users(self, logins: Sequence[Login]) -> None:
        """Let users log in by SCRAM; each needs one of the two SCRAM mechanisms."""
        with self.admin() as admin:
            for login in logins:  # one request may not change a user twice
                _upsert_scram_user(admin, login)
            _wait_for_scram(admin, logins)


def standard_scram_logins() -> list[Login]:
    """Return the users every cluster with SASL knows, by each SCRAM mechanism."""
    return [login.by(mechanism) for login in LOGINS for mechanism in SCRAM]


def _create_acl(admin: Any, acl: Any) -> None:
    failed = admin.create_acls([acl])["failed"]
    if failed:
        raise KafkaFixtureError(f"Kafka refused the ACL: {failed}")
    # The answer is the controller's; the broker that enforces learns a moment later.
    wait_until(lambda: _has_acl(admin, acl), f"{acl}", timeout_s=_CHANGE_TIMEOUT_S)


def _has_acl(admin: Any, acl: Any) -> bool:
    acls, _error = admin.describe_acls(acl)
    return acl in acls


def _upsert_scram_user(admin: Any, login: Login) -> None:
    from kafka.admin import UserScramCredentialUpsertion

    change = UserScramCredentialUpsertion(login.user, login.mechanism.value, login.password)
    problem = admin.alter_user_scram_credentials([change])[login.user]
    if problem:
        raise KafkaFixtureError(f"Kafka refused SCRAM user {login.user}: {problem}")


def _wait_for_scram(admin: Any, logins: Sequence[Login]) -> None:
    wanted = {(login.user, login.mechanism) for login in logins}

    def known() -> set[tuple[str, Mechanism]]:
        described = admin.describe_user_scram_credentials(sorted({user for user, _ in wanted}))
        return {
            (user, Mechanism(info["mechanism"].name.replace("_", "-")))
            for user, answer in described.items()
            for info in answer["credential_infos"]
        }

    wait_until(lambda: wanted <= known(), "SCRAM users", timeout_s=_CHANGE_TIMEOUT_S)
