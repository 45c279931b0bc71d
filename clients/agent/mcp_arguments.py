"""What the tools of the MCP server take: generous where it is clear what is meant, refused in words where it is not.

An index may come as a number and one cell instead of a list. An argument that a tool does not know is refused, since
what an agent wanted by it would not happen. The schemas that agents read are as short as they can be. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from clients.agent.code_mode import CodeMode

# Seconds that a call waits for what it runs, unless it says otherwise: clients give up after a minute.
WAIT_SECONDS: Final = 45.0


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str | int) else value


Name = Annotated[str, BeforeValidator(_text)]
Notebook = Annotated[str, Field(description="id, path or address")]
Version = Annotated[str, BeforeValidator(_text), Field(description="from the read that this edit is made to")]
Cell = Annotated[str, BeforeValidator(_text), Field(description="id, name or index")]
Place = Annotated[str | None, BeforeValidator(_text)]
Cells = Annotated[list[Name], BeforeValidator(_list)]
Names = Annotated[list[str], BeforeValidator(_list)]
Propose = Annotated[str, Field(description="why, in a line: suggest it to people instead of doing it")]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Limit = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
CellType = Literal["code", "markdown", "raw"]
Bring = Literal["nothing", "stale", "dependents"]


# What each edit of a batch has to say; and what it may.
_STEPS: Final = {
    "create": ((), ("code", "after", "before", "type", "name", "hide_code")),
    "edit": (("cell", "code"), ()),
    "replace": (("cell", "old", "new"), ()),
    "move": (("cell",), ("after", "before")),
    "delete": (("cell",), ()),
    "configure": (("cell",), ("name", "hide_code", "type")),
}


class Step(BaseModel):
    """An edit in a batch."""

    model_config = ConfigDict(extra="forbid")

    op: Literal["create", "edit", "replace", "move", "delete", "configure"]
    cell: Annotated[Name, Field(description="which; not for create")] = ""
    code: Annotated[str, Field(description="for create, edit")] = ""
    old: Annotated[str, Field(description="for replace: text that is there once")] = ""
    new: str = ""
    after: Place = None
    before: Place = None
    type: CellType | None = None
    name: str | None = None
    hide_code: bool | None = None

    @model_validator(mode="after")
    def _says_what_its_edit_takes(self) -> Step:
        """An edit whose text is left out, or in the wrong place, would write an empty one."""
        needed, taken = _STEPS[self.op]
        missing = [name for name in needed if name not in self.model_fields_set]
        idle = [
            name
            for name in sorted(self.model_fields_set - {"op", *needed, *taken})
            if getattr(self, name) not in (None, "", False)
        ]
        if missing or idle:
            told = ", ".join((*needed, *(f"{name}?" for name in taken)))
            wrong = [f"{', '.join(missing)} is missing"] if missing else []
            wrong += [f"{', '.join(idle)} means nothing"] if idle else []
            raise ValueError(f"{' and '.join(wrong)}; {self.op} takes {told}")
        return self

    def apply(self, ctx: CodeMode) -> None:
        """Queue it."""
        match self.op:
            case "create":
                ctx.create_cell(
                    self.code,
                    type=self.type or "code",
                    after=self.after,
                    before=self.before,
                    name=self.name,
                    hide_code=bool(self.hide_code),
                )
            case "edit":
                ctx.edit_cell(self.cell, self.code)
            case "replace":
                ctx.replace(self.cell, self.old, self.new)
            case "move":
                ctx.move_cell(self.cell, after=self.after, before=self.before)
            case "delete":
                ctx.delete_cell(self.cell)
            case "configure":
                ctx.configure(self.cell, name=self.name, hide_code=self.hide_code, type=self.type)


def short(schema: Any) -> Any:
    """A JSON schema without what tells an agent nothing: titles, the null that means "not given", empty defaults."""
    if isinstance(schema, list):
        return [short(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    match schema:
        case {"anyOf": [one, {"type": "null"}]}:
            rest = {key: value for key, value in schema.items() if key not in ("anyOf", "title", "default")}
            return short({**one, **rest})
    told = {}
    for key, value in schema.items():
        if key == "properties":
            told[key] = {name: short(one) for name, one in value.items()}
        elif key == "$defs":
            told[key] = {name: _undescribed(short(one)) for name, one in value.items()}
        elif not (key == "title" or (key == "default" and value in (None, "", False))):
            told[key] = short(value)
    return told


def _undescribed(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "description"}


def usage(tool: str, schema: Mapping[str, Any]) -> str:
    """How a tool is called, in a line."""
    required = set(schema.get("required", ()))
    return f"{tool}({', '.join(name if name in required else f'{name}?' for name in schema['properties'])})"


def unknown(tool: str, schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """What is wrong with the names of these arguments; empty if each is known."""
    strange = [name for name in arguments if name not in schema["properties"]]
    if not strange:
        return ""
    return f"There is no argument {', '.join(map(repr, strange))}. Nothing was done. Call {usage(tool, schema)}."


def refused(tool: str, schema: Mapping[str, Any], error: ValidationError) -> str:
    """What is wrong with the values of arguments, and what to do."""
    told = [_told(schema, one) for one in error.errors(include_url=False)[:5]]
    return f"{' '.join(told)} Nothing was done. Call {usage(tool, schema)}."


def _told(schema: Mapping[str, Any], wrong: Any) -> str:
    first, *inner = wrong["loc"] or ("",)
    where = str(first) + "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in inner)
    match wrong:
        case {"type": "missing"}:
            said = schema["properties"].get(first, {}).get("description") if not inner else None
            return f"{where!r} is missing{f' ({said})' if said else ''}."
        case {"type": "extra_forbidden"}:
            known = ", ".join(Step.model_fields)
            return f"{where!r} is not known; a step has {known}."
        case {"type": "literal_error", "ctx": {"expected": expected}, "input": given}:
            return f"{where!r} is {_short(given)}, and has to be {expected}."
        case {"type": "value_error", "ctx": {"error": error}}:
            return f"{where!r}: {error}."
        case _:
            reason = str(wrong["msg"]).partition(", unable")[0]
            return f"{where!r} is {_short(wrong['input'])}: {reason[:1].lower()}{reason[1:]}."


def _short(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:60]}…"
