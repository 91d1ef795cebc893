"""The sections of the settings: each a name, a type, a default and what it means."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo

from bus.runtime import settings_kafka as rules
from bus.runtime.settings_ingest import (
    address_list,
    base_url,
    known_methods,
    proxy_list,
)

Port = Annotated[int, Field(ge=0, le=65535)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(_Section):
    """How to reach Kafka; what does not fit together is refused, naming the setting."""

    # A rule sees only the settings above its own, so what others depend on stands first.
    model_config = ConfigDict(validate_default=True)

    bootstrap_servers: Annotated[str, AfterValidator(rules.addresses)] = "127.0.0.1:9092"
    """Comma list of host:port of any of the cluster's brokers."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to speak to the brokers."""
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None,
        AfterValidator(rules.fits_protocol),
    ] = None
    """How to log in where the protocol is a SASL one."""
    sasl_username: Annotated[str | None, AfterValidator(rules.given_for_login)] = None
    """Login name."""
    sasl_password: Annotated[SecretStr | None, AfterValidator(rules.given_for_login)] = None
    """Login password."""
    oauth_token_file: Annotated[Path | None, AfterValidator(rules.existing_file)] = None
    """For OAUTHBEARER: file with a token, read anew for each login."""
    oauth_token_url: Annotated[str | None, AfterValidator(rules.token_source)] = None
    """For OAUTHBEARER: where to get a token by the client credentials grant."""
    oauth_client_id: Annotated[str | None, AfterValidator(rules.given_for_token)] = None
    """Our name at the token URL."""
    oauth_client_secret: Annotated[SecretStr | None, AfterValidator(rules.given_for_token)] = None
    """Our secret at the token URL."""
    oauth_scope: str | None = None
    """Scope to ask of the token URL, where it wants one."""
    ssl_cafile: Annotated[Path | None, AfterValidator(rules.existing_file)] = None
    """Certificates to trust, PEM; the system's where unset."""
    ssl_keyfile: Annotated[Path | None, AfterValidator(rules.existing_file)] = None
    """The client certificate's key, PEM; unset where the certificate's file holds it."""
    ssl_key_password: SecretStr | None = None
    """Password of the client key, where it is encrypted."""
    ssl_certfile: Annotated[Path | None, AfterValidator(rules.certificate_of_key)] = None
    """Our client certificate, PEM."""
    group_prefix: str = "inferbus"
    """Consumer groups are `<prefix>-storage` and `<prefix>-alerting`."""
    publisher: Literal["direct", "client"] = "direct"
    """Send records directly on kafka-python's connections, or by its producer at twice the CPU."""


class TopicSettings(_Section):
    """How topics are named and made."""

    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$")] = "inference"
    """Topics are `<prefix>.succeeded`, `<prefix>.failed` and so on."""
    # Twelve divides evenly among 1, 2, 3, 4, 6 and 12 consumers.
    partitions: Annotated[int, Field(ge=1, le=10_000)] = 12
    """Partitions of each topic; the most consumers of one group that can share it."""
    replication_factor: Annotated[int, Field(ge=1, le=32)] | None = None
    """Copies of each partition; unset is the cluster's choice, 3 where it has 3 brokers."""
    # Two weeks: long enough to rebuild storage from Kafka after a bad week.
    retention_hours: Annotated[int, Field(ge=1)] = 336
    """How long Kafka keeps records."""


class IngestSettings(_Section):
    """The endpoint: where it listens, who may post, how much it takes."""

    host: str = "127.0.0.1"
    """Address the endpoint listens on."""
    port: Port = 8080
    """Port of the endpoint; 0 takes a free one."""
    admin_host: str = "127.0.0.1"
    """Address of `/livez`, `/readyz` and `/metrics`."""
    admin_port: Port = 8081
    """Port of `/livez`, `/readyz` and `/metrics`."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes that share the endpoint, under one parent where there are several."""
    public_url: Annotated[str | None, AfterValidator(base_url)] = None
    """How providers reach the endpoint; printed and minted URLs start with it."""
    # 64 MiB: four 2048x2048 images as base64, the largest body a provider is known to send.
    max_body_bytes: Annotated[int, Field(ge=1024)] = 67_108_864
    """Larger bodies are refused with 413."""
    # Half of Kafka's default record limit, so that any managed Kafka takes the record.
    inline_limit_bytes: Annotated[int, Field(ge=1024)] = 524_288
    """Larger bodies go to the blob store, the record carries a reference."""
    head_timeout_s: Annotated[float, Field(gt=0)] = 10.0
    """How long a sender may take for a request's first line and headers."""
    body_timeout_s: Annotated[float, Field(gt=0)] = 10.0
    """How long a sender may take for its body."""
    # Answer well before the strictest documented sender gives up (10 s).
    publish_deadline_s: Annotated[float, Field(gt=0)] = 2.0
    """How long a delivery waits for Kafka's acknowledgement."""
    max_connections: Annotated[int, Field(ge=1)] = 4096
    """Open connections; one too many closes the one that has said nothing for longest."""
    max_inflight: Annotated[int, Field(ge=1)] = 4096
    """More deliveries at once are refused with 503; each worker counts its own."""
    max_inflight_bytes: Annotated[int, Field(ge=1024)] = 268_435_456
    """More body bytes at once are refused with 503; each worker counts its own."""
    # Load balancers look every second or two, and stop has 20 s in all.
    drain_grace_s: Annotated[float, Field(ge=0, le=5)] = 2.0
    """At a stop: unready, yet serving for so long, so that load balancers notice. Not in `up`."""
    trusted_proxies: Annotated[str | None, AfterValidator(proxy_list)] = None
    """Comma list of proxies' addresses or networks whose `X-Forwarded-For` is believed."""
    allowed_ips: Annotated[str | None, AfterValidator(address_list)] = None
    """Comma list of addresses or networks that may post, besides a valid credential."""
    auth: Annotated[str, AfterValidator(known_methods)] = "signed-url"
    """Comma list of `signed-url`, `token`, `bearer`, `basic`, `standard-webhooks`; or `none`."""
    signing_keys: SecretStr | None = None
    """`id:secret,id:secret` for signed URLs: the first one mints, all verify."""
    tokens: SecretStr | None = None
    """`name:token,name:token` for `token` (in the path) and `bearer` (in the header)."""
    basic_users: SecretStr | None = None
    """`user:password,user:password` for `basic`."""
    webhook_secrets: SecretStr | None = None
    """`provider:whsec_…,provider:whsec_…` for `standard-webhooks`; several while one rotates."""

    @property
    def auth_methods(self) -> tuple[str, ...]:
        """The methods any one of which suffices."""
        return tuple(self.auth.split(","))


def _needs_always(answer: str, info: ValidationInfo) -> str:
    if answer == "spool" and info.data.get("mode") != "always":
        raise ValueError("`spool` needs INFERBUS_SPOOL__MODE=always")
    return answer


class SpoolSettings(_Section):
    """The journal on local disk that holds what Kafka has not acknowledged."""

    dir: Path | None = None
    """Folder; unset is `spool` in the data directory. It must outlive the process."""
    # An hour of 200 deliveries a second of 1.5 KB.
    max_bytes: Annotated[int, Field(ge=33_554_432)] = 1_073_741_824
    """Most bytes on disk, of all workers together; beyond, only what Kafka takes is accepted."""
    mode: Literal["fallback", "always", "off"] = "fallback"
    """`fallback` spools what Kafka does not acknowledge in time, `always` every delivery first."""
    answer: Annotated[Literal["kafka", "spool"], AfterValidator(_needs_always)] = "kafka"
    """In mode `always`: wait for Kafka until the publish deadline, or answer from the spool."""


class BlobSettings(_Section):
    """Where bodies above the inline limit lie."""

    url: str | None = None
    """`file:///folder` or `s3://bucket/prefix`; unset is `blobs` in the data directory."""


class StorageSettings(_Section):
    """Where events are kept."""

    url: SecretStr | None = None
    """SQLAlchemy URL; unset is the SQLite file `inferbus.db` in the data directory."""
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """Rows are removed when they were received so long ago; unset keeps them for ever."""
    admin_host: str = "127.0.0.1"
    """Address of `/livez`, `/readyz` and `/metrics`."""
    admin_port: Port = 8082
    """Port of `/livez`, `/readyz` and `/metrics`."""


class AlertingSettings(_Section):
    """What is alerted on and who is told."""

    webhook_url: SecretStr | None = None
    """Where alerts are posted as JSON; unset is the log only."""
    webhook_secret: SecretStr | None = None
    """Signs those posts."""
    admin_host: str = "127.0.0.1"
    """Address of `/livez`, `/readyz` and `/metrics`."""
    admin_port: Port = 8083
    """Port of `/livez`, `/readyz` and `/metrics`."""


class LogSettings(_Section):
    """How a process logs; `auto` is console on a terminal, JSON elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged."""
    format: Literal["json", "console", "auto"] = "auto"
    """JSON lines, console, or console on a terminal and JSON elsewhere."""
