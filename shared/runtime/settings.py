"""What a deployment can be told, all by environment variables named STANDINGS_…"""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.runtime.address import address_of

# A name, `*.` and a name (whatever is under it), or `*` (every host).
_ALLOWED_HOST = re.compile(r"\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")


class Settings(BaseSettings):
    """Settings of every service; each reads those that concern it."""

    model_config = SettingsConfigDict(env_prefix="STANDINGS_", extra="forbid", frozen=True)

    # redis://, rediss:// or unix:// for one server, redis+cluster://HOST:PORT,HOST:PORT for a Cluster, and
    # redis+sentinel://HOST:PORT,HOST:PORT/NAME for the primary that Sentinels know by this name.
    redis_url: str = "redis://127.0.0.1:6379/0"
    # Fixed when a deployment is created; every start checks it against what the data was made with.
    partitions: int = Field(default=1, ge=1, le=1024)
    # What an acknowledgement promises. fsync: the event is on disk. replicated: on disk, and `replicas` have it too.
    # memory: whatever the server does; for trials only.
    durability: Literal["fsync", "replicated", "memory"] = "fsync"
    replicas: int = Field(default=1, ge=1, le=16)
    # For so long replicas are waited for before the answer is that the event may be lost with the primary.
    # Shorter than a command may go unanswered, which `connect` says.
    replica_timeout_ms: int = Field(default=1000, ge=1, le=20_000)
    ingest_host: str = "127.0.0.1"
    ingest_port: int = Field(default=8401, ge=0, le=65_535)
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8400, ge=0, le=65_535)
    webhooks_host: str = "127.0.0.1"
    webhooks_port: int = Field(default=8402, ge=0, le=65_535)
    # How many clients a service that speaks HTTP has at a time; more wait until others leave.
    connections: int = Field(default=10_000, ge=1, le=1_000_000)
    # How long a client may take to bring the head of a request, counted from its connection or its last answer: so long
    # an idle connection is kept too. Longer than the 60 seconds for which proxies keep theirs to use them again.
    header_seconds: float = Field(default=65, gt=0, le=3600)
    # How long a body may take to come; one that is read as it comes (a batch), how long until it has brought more.
    body_seconds: float = Field(default=30, gt=0, le=3600)
    # After how long without taking any of its answer a client is disconnected.
    unread_seconds: float = Field(default=60, ge=1, le=3600)
    # The host names, besides loopback ones and addresses, under which commands are taken: names with commas between,
    # `*.example.org` for all under one, `*` for every host (where a proxy in front checks it).
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    # Where webhooks find the API.
    api_url: str = "http://127.0.0.1:8400"
    # Development: webhooks may go to http and to any address, the private ones of this network too.
    webhooks_development: bool = False
    webhook_timeout_seconds: float = Field(default=15, gt=0, le=300)
    # The waits between tries, three days altogether; after the last a delivery becomes a dead letter.
    webhook_retry_seconds: tuple[float, ...] = (
        5,
        60,
        300,
        1800,
        7200,
        18_000,
        36_000,
        50_400,
        72_000,
        86_400,
    )
    # What the API holds altogether. What can be made again (answers, boards, changes) gives way first, then contests
    # unused longest; asked for, they come back.
    api_memory_mb: int = Field(default=2048, ge=1)
    policies: Path | None = None
    # The directory that `standings archive` moves old versions to, and every service reads them from.
    archive: Path | None = None
    # After how long without a sign of life a delivery is taken over from a dead process.
    claim_after_ms: int = Field(default=5_000, ge=100)
    # So often the scorers look at every contest for events that no wake is out for; one of them does for all.
    look_around_seconds: float = Field(default=60, ge=1, le=86_400)
    # This part of a processor each scorer takes at most to check contests against their logs; 0: none does.
    check_share: float = Field(default=0.02, ge=0, le=1)
    # Ingest takes nothing more for a contest while so many of its events are not folded.
    most_unfolded: int = Field(default=200_000, ge=1)
    # How long entries stay in the changes stream.
    changes_kept_hours: int = Field(default=168, ge=1)
    # How long a subscription over HTTP lasts before its client has to come again.
    subscription_seconds: int = Field(default=3600, ge=1)
    # How many subscribers follow changes over HTTP at a time; each takes up to 300 KB beside STANDINGS_API_MEMORY_MB.
    subscribers: int = Field(default=4000, ge=1, le=1_000_000)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _listed(cls, hosts: object) -> object:
        if not isinstance(hosts, str):
            return hosts
        return tuple(name for name in (part.strip().lower() for part in hosts.split(",")) if name)

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for name in hosts:
            if not _ALLOWED_HOST.fullmatch(name):
                raise ValueError(
                    f"{name[:200]!r} is neither a host name nor *.NAME nor *; a port is left out"
                )
        return hosts

    @field_validator("policies", "archive", mode="before")
    @classmethod
    def _named(cls, path: object) -> object:
        """An empty path would be the working directory: who sets none means that there is none."""
        return None if path == "" else path

    @field_validator("redis_url")
    @classmethod
    def _understood(cls, url: str) -> str:
        address_of(url)
        return url
