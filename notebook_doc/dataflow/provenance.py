"""What a result follows from, as one hash: the source that ran, what went into it, and where it ran.

The environment's fingerprint is what the document says about it (the kernel, the dependencies), so every peer has the
same. Pure; owns nothing. Hashes are 32 hexadecimal digits, and mean nothing but "the same" and "not the same".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from notebook_doc.dataflow.normal import normal_form

# What a notebook's metadata says about its environment: these keys, under each of these tables and at the top.
_OF_ENVIRONMENT: Final = (
    *("dependencies", "requires_python", "requires-python", "environment"),
    *("uv", "conda", "pixi", "deno"),
)
_TABLES: Final = ("quire", "runt")


def hash_of_source(language: str, source: str) -> str:
    """The hash of a source's normal form."""
    return blake2b(normal_form(language, source).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def hash_of(source_hash: str, inputs: Mapping[str, str], environment: str) -> str:
    """The provenance of a run of this source, of inputs by name, in this environment."""
    digest = blake2b(digest_size=16)
    for part in (environment, source_hash, *(f"{name}\0{inputs[name]}" for name in sorted(inputs))):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def environment_of(metadata: Mapping[str, object]) -> str:
    """The fingerprint of the environment that a notebook's metadata asks for."""
    kernel = metadata.get("kernelspec")
    told: dict[str, object] = {}
    if isinstance(kernel, dict) and kernel.get("name") not in (None, "", "python3"):
        told["kernel"] = kernel["name"]
    for where, table in (("", metadata), *((name, metadata.get(name)) for name in _TABLES)):
        if isinstance(table, Mapping):
            told |= {f"{where}.{key}": table[key] for key in _OF_ENVIRONMENT if table.get(key)}
    if not told:
        return ""
    return blake2b(json.dumps(told, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()
