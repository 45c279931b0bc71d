"""Strategies for whole notebooks, as the JSON of a file: every minor version, every kind of cell and output."""

from __future__ import annotations

import base64
import json
from typing import Any

import nbformat
from hypothesis import strategies as st

Json = Any

texts = st.text(max_size=20) | st.sampled_from(
    ["", "\n", "a\r\nb\rc", "x\u2028y\x0bz\x0c", "é😀\ufeff", "print(1)\n" * 3, "long " * 300, "\x00\x1b[31m"]
)
scalars: st.SearchStrategy[Json] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([2**63, -(2**64), 10**40, -0.0, 1e300])
    | texts
)
keys = st.text(max_size=6) | st.sampled_from(["kernelspec2", "a.b", "é", "$int", ""])
json_values: st.SearchStrategy[Json] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)
metadata = st.dictionaries(keys.filter(lambda key: key not in {"tags", "name"}), json_values, max_size=3)
base64_texts = st.builds(
    lambda raw, layout: layout(raw).decode("ascii"),
    st.binary(max_size=30) | st.just(bytes(1500)),
    st.sampled_from([base64.b64encode, base64.encodebytes, lambda raw: base64.b64encode(raw) + b"\n"]),
)
bundles = st.fixed_dictionaries(
    {},
    optional={
        "text/plain": texts,
        "text/html": texts,
        "image/svg+xml": texts,
        "image/png": base64_texts | texts,
        "application/pdf": base64_texts,
        "application/json": json_values,
        "application/vnd.some+json": json_values,
    },
)
counts = st.none() | st.integers(0, 2**63 - 1)
outputs = st.one_of(
    st.fixed_dictionaries(
        {"output_type": st.just("stream"), "name": st.sampled_from(["stdout", "stderr"]), "text": texts}
    ),
    st.fixed_dictionaries({"output_type": st.just("display_data"), "data": bundles, "metadata": metadata}),
    st.fixed_dictionaries(
        {"output_type": st.just("execute_result"), "data": bundles, "metadata": metadata, "execution_count": counts}
    ),
    st.fixed_dictionaries(
        {
            "output_type": st.just("error"),
            "ename": texts,
            "evalue": texts,
            "traceback": st.lists(texts, max_size=2),
        }
    ),
)
attachments = st.dictionaries(texts, bundles, max_size=2)
cell_metadata = st.builds(
    lambda known, more: {**more, **known},
    st.fixed_dictionaries(
        {},
        optional={
            "collapsed": st.booleans(),
            "scrolled": st.sampled_from([True, False, "auto"]),
            "tags": st.lists(st.sampled_from(["a", "b", "é"]), unique=True),
            "name": st.just("a name"),
        },
    ),
    metadata.map(lambda m: {k: v for k, v in m.items() if k not in {"format", "jupyter", "execution"}}),
)
text_cells = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["markdown", "raw"]), "source": texts, "metadata": cell_metadata},
    optional={"attachments": attachments},
)
code_cells = st.fixed_dictionaries(
    {
        "cell_type": st.just("code"),
        "source": texts,
        "metadata": cell_metadata,
        "outputs": st.lists(outputs, max_size=3),
        "execution_count": counts,
    }
)
cell_ids = st.text("abcXYZ019-_", min_size=1, max_size=64)


@st.composite
def notebooks(draw: st.DrawFn, minors: tuple[int, ...] = (0, 1, 2, 3, 4, 5)) -> dict[str, Json]:
    """A notebook of nbformat 4 as its file says it, valid at its own minor version."""
    minor = draw(st.sampled_from(minors))
    cells = draw(st.lists(text_cells | code_cells, max_size=4))
    if minor >= 5:
        ids = draw(st.lists(cell_ids, min_size=len(cells), max_size=len(cells), unique=True))
        for cell, cell_id in zip(cells, ids, strict=True):
            cell["id"] = cell_id
    about = draw(metadata)
    if draw(st.booleans()):
        about["kernelspec"] = {"name": "python3", "display_name": "Python 3", "more": draw(json_values)}
        about["language_info"] = {"name": "python", "version": "3.11", "codemirror_mode": {"version": 3}}
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": about, "cells": cells}


def as_file(notebook: dict[str, Json]) -> str:
    """The text that nbformat itself writes, without its validation (which would put random ids into cells)."""
    text: str = nbformat.v4.writes_json(nbformat.from_dict(json.loads(json.dumps(notebook))))
    return text + "\n"
