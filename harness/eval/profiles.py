"""The two worlds a session is replayed in: the models it was recorded with, and today's."""

from dataclasses import dataclass

from harness.simulator import models
from palimpsest.context.budget import CAP, budget
from palimpsest.dialects.anthropic.models import lookup
from palimpsest.dialects.model import ModelInfo

MAX_TOKENS = 32_000
_KNOWN = "claude-opus-4-5"


@dataclass(frozen=True)
class Profile:
    """``model`` None: each session's own. ``window`` None: the model's; in tokens."""

    name: str
    model: str | None
    window: int | None

    def info(self, recorded: str) -> ModelInfo:
        """The model that a session recorded with that one is replayed with."""
        return lookup(self.model or recorded)

    def limit(self, info: ModelInfo) -> int:
        """What a prompt may have under the default settings, in tokens."""
        return budget(info, MAX_TOKENS, window_override=self.window, cap=CAP).limit

    def overflow(self, info: ModelInfo) -> int:
        """Above this the API answers that the prompt is too long."""
        return self.window or info.window


RECORDED = Profile("recorded models, 200K window", None, 200_000)
PRESERVED = Profile("preserved thinking, 1M window", "claude-opus-5-5", None)
PROFILES = (RECORDED, PRESERVED)


def simulated(name: str) -> models.Model:
    """The simulator's rules for that model; for one it does not know, those of a model it does."""
    found = models.find(name) or models.find(_KNOWN)
    assert found is not None
    return found
