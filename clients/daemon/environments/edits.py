"""Adding and removing packages in the text that declares them, and leaving the rest of it as people wrote it. Pure.

Takes a cell's PEP 723 header, a pixi.toml or an environment.yml as text and returns it with the packages changed:
comments, order and spelling of everything else stay. What cannot be changed so is refused with EnvironmentFailed, which
says what to do by hand. TOML is edited with tomlkit; YAML at the places where its parser says the items stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clients.daemon.environments.declared import package_name
from clients.daemon.environments.errors import EnvironmentFailed
from notebook_doc.script_header import HEADER

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.][\w.=<>~! -]*\Z")  # what YAML reads as text without quotes, in any place
_VERSION: Final = re.compile(r"\s*([A-Za-z0-9_][\w.-]*)\s*([^\[\]:@;]*)\Z")  # a package of conda's with a version
_PIP_VERSION: Final = re.compile(r"\s*([A-Za-z0-9_][\w.-]*)\s*([=<>~!][^\[\]:@;]*)?\Z")


@dataclass(frozen=True, slots=True)
class _Edit:
    """The text between two places becomes another."""

    start: int
    end: int
    text: str


def in_header(header: str, add: Sequence[str], remove: Iterable[str]) -> str:
    """The header with these requirements declared, and none of these names; one that is declared is replaced."""
    import tomlkit
    from tomlkit.items import Array

    match = HEADER.match(header)
    assert match is not None, "it is a header"
    text = "".join(f"{line[2:]}\n" for line in match["content"].splitlines())
    document = tomlkit.parse(text)
    if "dependencies" not in document:
        document = tomlkit.parse(f"dependencies = []\n{text}")  # first: after a table it would stand in that
    array = document["dependencies"]
    if not isinstance(array, Array):
        raise EnvironmentFailed("The header's dependencies are no list.", "Mend the header of that cell.")
    _change_array(array, add, remove)
    content = "".join(f"# {line}".rstrip() + "\n" for line in tomlkit.dumps(document).splitlines())
    return header[: match.start("content")] + content + header[match.end("content") :]


def _change_array(array: Any, add: Sequence[str], remove: Iterable[str]) -> None:
    """Change an array of requirements where its items stand."""
    coming = {package_name(one): one for one in add}
    gone = frozenset(remove)
    for at in reversed(range(len(array))):
        name = package_name(str(array[at]))
        if name in coming:
            array[at] = coming.pop(name)
        elif name in gone:
            del array[at]
    for requirement in coming.values():
        array.append(requirement)


def in_pixi(text: str, add: Sequence[str], remove: Iterable[str], inside: Sequence[str] = ()) -> str:
    """The pixi.toml, or the table `inside` of a pyproject.toml, with these packages of conda, and none of these."""
    import tomlkit

    document = tomlkit.parse(text)
    table: Any = document
    for key in inside:
        table = table[key]
    conda, pip = table.get("dependencies"), table.get("pypi-dependencies")
    for requirement in add:
        name = package_name(requirement)
        known = _key(pip, name)
        match = (_VERSION if known is None else _PIP_VERSION).match(requirement)
        if match is None:
            raise EnvironmentFailed(
                f"{requirement!r} is more than a name and a version.", "Write it into the file as pixi wants it."
            )
        version = (match[2] or "").strip() or "*"
        if known is not None:
            _put(pip, known, version)
            continue
        if conda is None:
            conda = tomlkit.table()
            table.add("dependencies", conda)
            conda = table["dependencies"]
        _put(conda, _key(conda, name) or match[1], version)
    for name in remove:
        found = [(one, spelt) for one in (conda, pip) if (spelt := _key(one, name)) is not None]
        if not found:
            raise EnvironmentFailed(
                f"{name} is not declared in the lists of the default environment.", "Take it out of the file by hand."
            )
        for one, spelt in found:
            del one[spelt]
    return tomlkit.dumps(document)


def _key(table: Any, name: str) -> str | None:
    """The key of a package in a table, as it is spelt there."""
    return next((str(key) for key in table or () if package_name(str(key)) == name), None)


def _put(table: Any, key: str, version: str) -> None:
    if key in table and hasattr(table[key], "keys"):
        table[key]["version"] = version
    else:
        table[key] = version


def in_environment_yml(text: str, add: Sequence[str], remove: Iterable[str]) -> str:
    """The environment.yml with these packages of conda, and none of these names, of conda's or of pip's."""
    import yaml  # type: ignore[import-untyped]  # it ships no types; here, for few notebooks need it

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    conda = _entry(root, "dependencies")
    if conda is None or not isinstance(conda, yaml.SequenceNode):
        raise EnvironmentFailed("The file has no list of dependencies.", "Write `dependencies:` with one into it.")
    lists = [conda]
    for item in conda.value:
        pip = _entry(item, "pip")
        if isinstance(pip, yaml.SequenceNode):
            lists.append(pip)
    coming = {package_name(one): one for one in add}
    gone = frozenset(remove)
    edits: list[_Edit] = []
    for each in lists:
        scalars = [item for item in each.value if isinstance(item, yaml.ScalarNode)]
        removed = [item for item in scalars if package_name(item.value) in gone]
        edits += [_without(text, each, item) for item in removed]
        for item in scalars:
            if (new := coming.pop(package_name(item.value), None)) is not None:
                edits.append(_Edit(item.start_mark.index, item.end_mark.index, _scalar(new)))
    if coming:
        edits.append(_with(text, conda, [_scalar(one) for one in coming.values()]))
    for edit in sorted(edits, key=lambda one: -one.start):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _entry(node: Any, key: str) -> Any:
    """What a mapping has under this key; None if it is no mapping or has not."""
    import yaml

    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def _without(text: str, sequence: Any, item: Any) -> _Edit:
    start, end = item.start_mark.index, item.end_mark.index
    if not sequence.flow_style:
        return _Edit(_line_start(text, start), _line_end(text, end), "")
    at = sequence.value.index(item)
    if at + 1 < len(sequence.value):
        return _Edit(start, sequence.value[at + 1].start_mark.index, "")
    return _Edit(sequence.value[at - 1].end_mark.index if at else start, end, "")


def _with(text: str, sequence: Any, new: list[str]) -> _Edit:
    """New items after the last plain one, or before what follows if there is none."""
    import yaml

    scalars = [item for item in sequence.value if isinstance(item, yaml.ScalarNode)]
    if sequence.flow_style:
        if scalars:
            return _Edit(scalars[-1].end_mark.index, scalars[-1].end_mark.index, "".join(f", {one}" for one in new))
        start = sequence.start_mark.index + 1
        return _Edit(start, start, ", ".join(new) + (", " if sequence.value else ""))
    beside = scalars[-1] if scalars else sequence.value[0]
    begins = _line_start(text, beside.start_mark.index)
    before = text[begins : beside.start_mark.index]  # its indentation and the dash
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = "".join(f"{before}{one}{ending}" for one in new)
    if not scalars:
        return _Edit(begins, begins, lines)
    at = _line_end(text, beside.end_mark.index)
    missing = "" if text[:at].endswith("\n") else ending
    return _Edit(at, at, missing + lines)


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _scalar(text: str) -> str:
    return text if _PLAIN.match(text) else json.dumps(text)
