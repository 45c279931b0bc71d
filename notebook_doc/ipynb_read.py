"""From the bytes of an .ipynb file to a model, or an error that says where the file breaks.

Reads nbformat 4.0 to 4.5 as they are and upgrades 1 to 3 with the `nbformat` library; a later minor of 4 is read as
4.5 if every cell in it is of a known type. The result depends on the file and the notebook id alone, so that whoever
imports the same file makes the same document. What a file may say and no document has a place for (keys unknown to
nbformat) is carried along in the metadata under UNKNOWN_KEYS and written back where it came from. Two things are not
kept: surrogates without their other half become U+FFFD, and nbformat's transient keys (`trusted`, `signature`) go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import nbformat

from notebook_doc.cell_identity import cell_ids
from notebook_doc.contents import Blobs, attachments_manifest, output_manifest
from notebook_doc.errors import BadEdit, NotANotebook
from notebook_doc.ipynb_check import HINT, check_notebook, described
from notebook_doc.model import CellModel, NotebookModel, OutputManifest
from notebook_doc.plain import MAX_DEPTH, JsonMap, JsonValue, check_depth, plain, well_formed

NEWEST_MINOR: Final = 5
FILE_DEPTH: Final = MAX_DEPTH + 8  # a value of an output lies six containers deep in its file
UNKNOWN_KEYS: Final = "quire_unknown_keys"
NOTEBOOK_KEYS: Final = frozenset({"cells", "metadata", "nbformat", "nbformat_minor"})
CELL_KEYS: Final = frozenset({"id", "cell_type", "source", "metadata", "attachments"})
CODE_CELL_KEYS: Final = CELL_KEYS | {"outputs", "execution_count"}
# The library is not annotated; its function is, here.
_converted: Callable[[JsonMap, int], JsonMap] = nbformat.convert
_CONFLICT: Final = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file holds: the model, and the bytes of every blob that it names, by SHA-256."""

    model: NotebookModel
    blobs: Blobs


def read(text: str | bytes, *, notebook_id: str) -> Imported:
    """Read a file's content. `notebook_id` goes into the ids of cells that have none. Raises NotANotebook."""
    top = _parsed(_decoded(text))
    major, minor = _version(top)
    if major < 4:
        top, minor = _upgraded(top, major, minor), NEWEST_MINOR
    check_notebook(top)
    _rejoin(top)
    blobs: Blobs = {}
    sources = [well_formed(cell["source"]) for cell in top["cells"]]
    ids = cell_ids(
        notebook_id,
        [(cell.get("id"), cell["cell_type"], source) for cell, source in zip(top["cells"], sources, strict=True)],
    )
    cells = tuple(
        _cell(cell, f"cells[{i}]", cell_id, source, blobs)
        for i, (cell, cell_id, source) in enumerate(zip(top["cells"], ids, sources, strict=True))
    )
    with _placed("metadata"):
        metadata = _metadata(top, NOTEBOOK_KEYS)
    return Imported(NotebookModel(nbformat_minor=min(minor, NEWEST_MINOR), metadata=metadata, cells=cells), blobs)


def _decoded(text: str | bytes) -> str:
    if isinstance(text, bytes):
        encoding = json.detect_encoding(text)
        try:
            text = text.decode(encoding)
        except UnicodeDecodeError as error:
            raise NotANotebook(
                f"the file is not text: this is not {encoding.upper()}.",
                "A notebook is a JSON file in UTF-8; this may be another kind of file, or a damaged one.",
                place=f"byte {error.start}",
            ) from error
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise NotANotebook(
            "the file is empty.",
            "To start a new notebook, delete the file first; to get an old one back, use a backup.",
        )
    return text


def _parsed(text: str) -> JsonMap:
    try:
        top = json.loads(text)
        check_depth(top, FILE_DEPTH)
    except json.JSONDecodeError as error:
        raise _not_json(text, error) from error
    except (RecursionError, BadEdit) as error:
        raise NotANotebook(f"the file nests values deeper than {FILE_DEPTH} levels.", HINT) from error
    except ValueError as error:  # a number of more digits than Python converts
        raise NotANotebook(f"the file holds a number that cannot be read: {error}.", HINT) from error
    if not isinstance(top, dict):
        raise NotANotebook(f"the file holds {described(top)}, and a notebook is an object.", "Is it another JSON file?")
    return top


def _not_json(text: str, error: json.JSONDecodeError) -> NotANotebook:
    place = f"line {error.lineno}, column {error.colno}"
    if _CONFLICT.search(text):
        return NotANotebook(
            "the file is not JSON; it holds the marks of a merge conflict.",
            "Resolve the conflict (lines beginning with <<<<<<< and >>>>>>>), then open it again.",
            place=place,
        )
    if text.lstrip().startswith("<"):
        return NotANotebook(
            "the file is not JSON but HTML or XML.",
            "Perhaps a web page was saved in place of the notebook; download the raw file.",
            place=place,
        )
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return NotANotebook(
            "the file ends in the middle.",
            "It was cut off while it was written or copied; get it from a backup or copy it again.",
            place=place,
        )
    return NotANotebook(f"the file is not JSON: {error.msg}.", HINT, place=place)


def _version(top: JsonMap) -> tuple[int, int]:
    """Major and minor version. Only files of 2011 do not say; those are known by the look of their cells."""
    cells = top.get("cells")
    if "nbformat" not in top and isinstance(cells, list) and cells and all(map(_is_oldest_cell, cells)):
        return 1, 0
    if "nbformat" not in top:
        raise NotANotebook("the file is JSON, but has no 'nbformat' and is no notebook.", "Is it another JSON file?")
    major, minor = top["nbformat"], top.get("nbformat_minor", NEWEST_MINOR if top["nbformat"] == 4 else 0)
    if type(major) is not int or major < 1:
        raise NotANotebook(f"a version was expected, and there is {described(major)}.", HINT, place="nbformat")
    if type(minor) is not int or minor < 0:
        raise NotANotebook(f"a version was expected, and there is {described(minor)}.", HINT, place="nbformat_minor")
    if major > 4:
        raise NotANotebook(
            f"the notebook is of version {major}.{minor}, and the newest that can be read is 4.",
            "Save it as version 4 with the program that wrote it, or use a later Quire.",
            place="nbformat",
        )
    return major, minor


def _is_oldest_cell(cell: JsonValue) -> bool:
    return isinstance(cell, dict) and (
        (cell.get("cell_type") == "code" and "code" in cell) or (cell.get("cell_type") == "text" and "text" in cell)
    )


def _upgraded(top: JsonMap, major: int, minor: int) -> JsonMap:
    """A notebook of version 1, 2 or 3 as 4.5, without the random ids that the library gives its cells."""
    if major == 1 and not (isinstance(top.get("cells"), list) and all(map(_is_oldest_cell, top["cells"]))):
        raise NotANotebook("the notebook says that it is of version 1, and its cells are not.", HINT, place="cells")
    try:
        node = _converted(nbformat.versions[major].to_notebook_json(top, minor=minor), 4)
    except (nbformat.ValidationError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise NotANotebook(
            f"the notebook is of version {major}.{minor} and could not be upgraded to 4: {_in_short(error)}.",
            "Open and save it with a program that still reads this version, or correct it with a text editor.",
        ) from error
    for cell in node["cells"]:
        cell.pop("id", None)
    return node


def _in_short(error: Exception) -> str:
    said = str(error).partition("\n")[0][:200].rstrip(".")
    return f"{said!r} is missing or wrong" if isinstance(error, KeyError) else said


def _rejoin(top: JsonMap) -> None:
    """Join what files split into lines and drop what they should not hold, in place: as `nbformat.v4` does, which makes
    an object of its own of every map first, at four times the cost of parsing the file."""
    for key in ("orig_nbformat", "orig_nbformat_minor", "signature"):
        top["metadata"].pop(key, None)
    for cell in top["cells"]:
        cell["metadata"].pop("trusted", None)
        cell["source"] = _joined(cell["source"])
        for bundle in cell.get("attachments", {}).values():
            _rejoin_bundle(bundle)
        for output in cell.get("outputs", ()) if cell["cell_type"] == "code" else ():
            if output["output_type"] in ("execute_result", "display_data"):
                _rejoin_bundle(output["data"])
            elif "text" in output:
                output["text"] = _joined(output["text"])


def _rejoin_bundle(bundle: JsonMap) -> None:
    for mime, value in bundle.items():
        if mime != "application/json" and not (mime.startswith("application/") and mime.endswith("+json")):
            bundle[mime] = _joined(value)


def _joined(value: JsonValue) -> JsonValue:
    lines = isinstance(value, list) and all(isinstance(line, str) for line in value)
    return "".join(value) if lines else value


def _cell(cell: JsonMap, place: str, cell_id: str, source: str, blobs: Blobs) -> CellModel:
    code = cell["cell_type"] == "code"
    attachments = None
    if "attachments" in cell:
        with _placed(f"{place}.attachments"):
            attachments, more = attachments_manifest(cell["attachments"])
        blobs.update(more)
    with _placed(f"{place}.metadata"):
        metadata = _metadata(cell, CODE_CELL_KEYS if code else CELL_KEYS)
    return CellModel(
        id=cell_id,
        cell_type=cell["cell_type"],
        source=source,
        metadata=metadata,
        attachments=attachments,
        outputs=_outputs(cell["outputs"], place, blobs) if code else (),
        execution_count=cell["execution_count"] if code else None,
    )


def _outputs(outputs: list[JsonMap], place: str, blobs: Blobs) -> tuple[OutputManifest, ...]:
    manifests = []
    for k, output in enumerate(outputs):
        with _placed(f"{place}.outputs[{k}]"):
            manifest, more = output_manifest(output)
        manifests.append(manifest)
        blobs.update(more)
    return tuple(manifests)


def _metadata(holder: JsonMap, known: frozenset[str]) -> JsonMap:
    """The metadata of a cell or notebook, and in it the keys beside it that nbformat does not know."""
    metadata: JsonMap = plain(holder["metadata"])
    unknown = {key: plain(value) for key, value in holder.items() if key not in known}
    if unknown:
        metadata[UNKNOWN_KEYS] = unknown
    return metadata


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """What is refused inside belongs to this place of the file."""
    try:
        yield
    except BadEdit as error:
        raise NotANotebook(error.message, HINT, place=place) from error
