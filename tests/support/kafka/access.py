"""Who may do what on a cluster, and who may log in by SCRAM."""

from collections.abc import Sequence
from typing import Any

from .admin import Administration
from .errors import KafkaFixtureError
from .options import LOGINS, SCRAM, Login, Mechanism
from .waiting import wait_until

_CHANGE_TIMEOUT_S = 15.0


class Access(Administration):
    """Verbs on rights and users. Each returns when the broker knows."""

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
