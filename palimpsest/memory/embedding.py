"""What turns texts into vectors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """``name`` says which, with its version; ``dimension`` is its vectors'."""

    name: str
    dimension: int

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of unit length for each text; raises EmbedderUnavailable."""
        ...
