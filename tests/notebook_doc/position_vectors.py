"""The positions that Python and the browser must agree on.

`python -m tests.notebook_doc.position_vectors` writes them.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, Final

from notebook_doc.position import between, evenly

FILE: Final = Path(__file__).parents[2] / "clients" / "web" / "test" / "positions.json"
NO_POSITIONS: Final = ["", "8", "81", "7f80", "zz80", "8080 ", "80\n"]


def vectors() -> dict[str, Any]:
    """Calls with their results: [before, after, position] and [n, before, after, positions]."""
    draw = random.Random(20)
    known = [bytes(draw.choices((0, 1, 0x7F, 0x80, 0x81, 0xFE, 0xFF), k=draw.randrange(4))) for _ in range(80)]
    places = sorted({(digits + b"\x80").hex().upper() for digits in known})
    bounds: list[tuple[str | None, str | None]] = [(None, None)]
    bounds += [(None, place) for place in places] + [(place, None) for place in places]
    bounds += [(a, b) for a, b in (sorted(draw.sample(places, 2)) for _ in range(80))]
    spaced = [(n, *draw.choice(bounds)) for n in (0, 1, 2, 3, 17, 63, 64, 200) for _ in range(3)]
    return {
        "between": [[a, b, between(a, b)] for a, b in bounds],
        "evenly": [[n, a, b, evenly(n, a, b)] for n, a, b in spaced],
        "no_positions": NO_POSITIONS,
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors()) + "\n")
