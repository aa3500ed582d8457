"""What the parts of a vocabulary have in common."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from ml.labeling.policy import Policy


def _are_switches(switches: dict[str, str]) -> dict[str, str]:
    Policy.model_validate(switches)
    return switches


Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Switches = Annotated[dict[str, str], AfterValidator(_are_switches)]


class Part(BaseModel):
    """A part of a vocabulary."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Switched(Part):
    """An entry that counts only under some values of the policy's switches."""

    when: Switches = {}

    def holds(self, policy: Policy) -> bool:
        """Whether the entry counts under a policy."""
        return all(getattr(policy, switch) == value for switch, value in self.when.items())
