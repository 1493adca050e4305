"""Maps in TOML: read strictly, each mistake named by where it stands. Those that are shipped lie beside this, in maps/.

A map may begin with `extends = "NAME"` of a shipped one: what it says then comes in the place of what that says, table by
table, field by field; a `[[fact]]` in the place of the one of the same type, field by field.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from console.importing.fact_fields import field_is_known, flattened, required_fields
from console.importing.map_reading import read_map
from console.importing.mapping import CONTACT_FIELDS, ExportMap
from ledger.errors import BadInput

MAP_BYTES_MAX: Final = 1 << 20
ENDING: Final = ".toml"


def shipped_names() -> list[str]:
    """The names of the maps that are shipped."""
    folder = files("console.importing") / "maps"
    return sorted(one.name.removesuffix(ENDING) for one in folder.iterdir() if one.name.endswith(ENDING))


def load_map(
    name: str,
    *,
    columns: Sequence[tuple[str, str]] = (),
    time_forms: Sequence[str] = (),
) -> ExportMap:
    """A map by the name of a shipped one, or by its path. Raises BadInput.

    `columns` put a column in the place of the one of a field (`answers.overall`, `contact.email`), `time_forms` come in
    the place of the map's.
    """
    table = _table(name, set())
    for field, column in columns:
        _set_column(table, field, column)
    if time_forms:
        table["time"] = {**table.get("time", {}), "forms": list(time_forms)}
    title = Path(name).name.removesuffix(ENDING)
    return read_map(title, table)


def _table(name: str, seen: set[str]) -> dict[str, Any]:
    """What a map says, with what it extends. Raises BadInput."""
    if name in seen:
        raise BadInput(f"{name}: found a map that extends itself, expected another one")
    try:
        if name in shipped_names():
            text = (files("console.importing") / "maps" / f"{name}{ENDING}").read_text("utf-8")
        else:
            text = _read(Path(name))
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{name}: found what is no TOML: {error}") from None
    for fact in table.get("fact", ()) if isinstance(table.get("fact"), list) else ():
        if isinstance(fact, dict) and isinstance(fact.get("fields"), dict):
            fact["fields"] = flattened(fact["fields"])
    below = table.pop("extends", None)
    if below is None:
        return table
    if not isinstance(below, str) or below not in shipped_names():
        raise BadInput(f"{name}: extends: found another, expected one of {', '.join(shipped_names())}")
    return _over(_table(below, seen | {name}), table)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAP_BYTES_MAX + 1)
    except OSError as error:
        shipped = ", ".join(shipped_names())
        raise BadInput(f"{path}: {error.strerror}; shipped are the maps {shipped}") from None
    if len(content) > MAP_BYTES_MAX:
        raise BadInput(f"{path}: found more than {MAP_BYTES_MAX:,} bytes, expected a map")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: found no UTF-8, expected TOML in it") from None


def _over(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        there = merged.get(key)
        if key == "fact" and isinstance(there, list) and isinstance(value, list):
            merged[key] = _facts_over(there, value)
        elif isinstance(there, dict) and isinstance(value, dict) and key != "fields":
            merged[key] = _over(there, value)
        elif key == "fields" and isinstance(there, dict) and isinstance(value, dict):
            merged[key] = {**there, **value}
        else:
            merged[key] = value
    return merged


def _facts_over(below: list[Any], above: list[Any]) -> list[Any]:
    merged = list(below)
    for fact in above:
        same = [
            place
            for place, one in enumerate(merged)
            if isinstance(one, dict) and isinstance(fact, dict) and one.get("type") == fact.get("type")
        ]
        if same:
            merged[same[0]] = _over(merged[same[0]], fact)
        else:
            merged.append(fact)
    return merged


def _set_column(table: dict[str, Any], field: str, column: str) -> None:
    """Puts a column into a field of each fact that has it, or of the contact. Raises BadInput."""
    ref: Any = {"position": int(column[1:])} if column[:1] == "#" and column[1:].isdigit() else column
    if field.startswith("contact."):
        name = field.removeprefix("contact.")
        if name not in CONTACT_FIELDS:
            raise BadInput(
                f"--column: found the field {field!r}, expected contact. with one of {', '.join(CONTACT_FIELDS)}"
            )
        table["contact"] = {**table.get("contact", {}), name: _with_column(table.get("contact", {}).get(name), ref)}
        return
    taken = False
    for fact in table.get("fact", ()):
        if isinstance(fact, dict) and field_is_known(str(fact.get("type")), field):
            fields = fact.get("fields", {})
            rule = fields.get(field, {"optional": field not in required_fields(fact["type"])})
            fact["fields"] = {**fields, field: _with_column(rule, ref)}
            taken = True
    if not taken:
        raise BadInput(
            f"--column: found the field {field[:60]!r}, which no fact of the map has, expected one that it has"
        )


def _with_column(rule: Any, ref: Any) -> Any:
    """A rule of a field with another column; what it says of the cells stays."""
    kept = rule if isinstance(rule, dict) else {}
    dropped = ("column", "columns", "position", "under", "nth", "from", "value", "missing")
    kept = {name: value for name, value in kept.items() if name not in dropped}
    return {**kept, **(ref if isinstance(ref, dict) else {"column": ref})}
