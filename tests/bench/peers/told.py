"""What a contestant says of itself, on its last line: read by whom it was started by."""

from __future__ import annotations

import json
import time


def tell(frames: int, **more: float) -> None:
    """Print the count of frames and further figures, as one line of JSON."""
    print(json.dumps({"frames": frames, **more}), flush=True)


def now_s() -> float:
    """Return the time, by the clock that all processes of a machine share."""
    return time.time()
