"""The policies of a deployment: the built-in ones and those of its file, as every service applies them."""

from decimal import Decimal
from hashlib import blake2b
from typing import Any, cast

from redis.asyncio import Redis

from shared.domain.errors import Refused
from shared.domain.policies import Policy
from shared.domain.policy_texts import read_policies
from shared.runtime.files import content
from shared.runtime.settings import Settings
from shared.runtime.startup import RefusesToStart
from shared.storage.redis_keys import POLICIES
from shared.values.policies import BUILT_IN, Policies
from shared.values.text import sentence

# Of the file of policies.
MOST_BYTES = 256 << 10


class UnfitPolicies(RefusesToStart):
    """The file of policies cannot be used, or says something else by now; says what."""


def policies_of(settings: Settings) -> Policies:
    """Every policy. Raises `UnfitPolicies` on a file that cannot be used."""
    if settings.policies is None:
        return Policies()
    try:
        return Policies(
            read_policies(content(settings.policies, MOST_BYTES).decode(), (policy.id for policy in BUILT_IN))
        )
    except (OSError, UnicodeDecodeError) as error:
        raise UnfitPolicies(sentence(f"STANDINGS_POLICIES: {settings.policies}: {error}")) from None
    except Refused as refusal:
        raise UnfitPolicies(sentence(f"{settings.policies}: {refusal.detail}; {refusal.way_out}")) from None


async def refuse_changed(policies: Policies, redis: Redis) -> None:
    """Returns if every policy is what it was when its version was first served. Raises `UnfitPolicies`.

    What was cited names the policy's version, and stays the same to the byte.
    """
    changed = []
    for policy in policies:
        name = f"{policy.id}@{policy.version}"
        digest = digest_of(policy)
        await cast(Any, redis.hsetnx(POLICIES, name, digest))
        if await cast(Any, redis.hget(POLICIES, name)) != digest.encode():
            changed.append(name)
    if changed:
        raise UnfitPolicies(
            f"{', '.join(changed)}: not what it was when it was first served, and what was cited under it would "
            "change: give the changed policy the next version, or bring back what it was"
        )


def digest_of(policy: Policy) -> str:
    """A digest of all that answers under a policy depend on."""
    return blake2b(repr(_content(policy)).encode(), digest_size=16).hexdigest()


def _content(policy: Policy) -> object:
    """All that answers under a policy depend on."""
    weights = (policy.weights, policy.member_weights, {"default": policy.default}, policy.available)
    return (
        policy.title,
        policy.source,
        [sorted((k, str(Decimal(v).normalize())) for k, v in rule.items()) for rule in weights],
    )
