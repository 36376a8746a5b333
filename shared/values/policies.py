"""The policies that a deployment answers with: the built-in ones, of the file beside this module, and its own."""

from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Final

from shared.domain.errors import UnknownPolicy
from shared.domain.policies import Policy
from shared.domain.policy_texts import read_policies

BUILT_IN: Final = tuple(
    read_policies(files("shared.values").joinpath("policies.toml").read_text(encoding="utf-8"))
)
# Under which a question is answered that names none.
DEFAULT: Final = "fivethirtyeight-2020"


class Policies:
    """The built-in policies and a deployment's own."""

    def __init__(self, own: Iterable[Policy] = ()) -> None:
        self._by_id = {policy.id: policy for policy in (*BUILT_IN, *own)}

    def __iter__(self) -> Iterator[Policy]:
        return iter(self._by_id.values())

    def find(self, policy: str) -> Policy:
        """The policy of this id. Raises `UnknownPolicy`."""
        if known := self._by_id.get(policy):
            return known
        raise UnknownPolicy(policy, list(self._by_id))
