"""Notebooks to measure with: as many cells as wanted, each a paragraph of code with the outputs of an analysis."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from random import Random
from typing import Any, Final

# Bytes of the picture that one cell in ten shows.
_PICTURE_BYTES: Final = 8 * 1024
_LINE: Final = "result_{number} = frame.groupby('city').agg(total=('amount', 'sum'))  # step {number}\n"


def write_notebook(path: Path, cells: int, *, outputs: bool = True) -> None:
    """Write an .ipynb (4.5): every fifth cell is prose, a tenth shows a picture, the rest print and return a table."""
    random = Random(cells)
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [_cell(number, random, outputs) for number in range(cells)],
    }
    path.write_text(json.dumps(content, indent=1))


def _cell(number: int, random: Random, outputs: bool) -> dict[str, Any]:
    identity = f"cell-{number:05}"
    source = "".join(_LINE.format(number=number * 10 + line) for line in range(5))
    if number % 5 == 4:
        return {"cell_type": "markdown", "id": identity, "metadata": {}, "source": f"## Step {number}\n\n{source}"}
    return {
        "cell_type": "code",
        "id": identity,
        "metadata": {},
        "execution_count": number + 1,
        "source": source.splitlines(keepends=True),
        "outputs": _outputs(number, random) if outputs else [],
    }


def _outputs(number: int, random: Random) -> list[dict[str, Any]]:
    printed = {"output_type": "stream", "name": "stdout", "text": [f"step {number}: {i} rows\n" for i in range(5)]}
    if number % 10 == 0:
        data: dict[str, Any] = {"image/png": base64.encodebytes(random.randbytes(_PICTURE_BYTES)).decode()}
    else:
        rows = "".join(f"<tr><td>{i}</td><td>{random.random():.6f}</td></tr>\n" for i in range(10))
        data = {"text/html": f"<table>\n{rows}</table>", "text/plain": f"a table of step {number}"}
    result = {"output_type": "execute_result", "execution_count": number + 1, "metadata": {}, "data": data}
    return [printed, result]
