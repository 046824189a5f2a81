"""How far a cheaper arithmetic may stray from f32, and how far it does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CHANGE_BAR = 0.03  # issue 3: largest change of a probability
FLIP_BAR = 0.002  # issue 3: share of readings (a text, a head) whose label turns

Heads = list[NDArray[np.float32]]


def strays(heads: Heads, reference: Heads) -> tuple[float, float]:
    """Largest change of any probability, and the share of labels that turn, in the head where most do."""
    changes = [float(np.abs(one - other).max()) for one, other in zip(heads, reference, strict=True)]
    flips = [float((one.argmax(1) != other.argmax(1)).mean()) for one, other in zip(heads, reference, strict=True)]
    return max(changes), max(flips)
