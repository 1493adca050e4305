"""The client's models of the answers over HTTP, made of the OpenAPI document, so that the two cannot drift apart.

    python -m console.http.client_models --write client      writes client/csat_ledger_client/answers/*.py
    python -m console.http.client_models --check client      compares

A module for each answer, a class for each object in it; what two answers have in common stands in the first of them. The
models take more than the document says, so that the service can grow: members that they do not know are passed over, and
a closed set of values is any text, of which the known ones are named.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from keyword import iskeyword
from pathlib import Path
from textwrap import fill, indent
from typing import Any, Final

import orjson

from console.http.openapi import document

Schema = Mapping[str, Any]
FOLDER: Final = Path("csat_ledger_client") / "answers"
PREFIX: Final = "#/components/schemas/"
NOT_ANSWERS: Final = ("Fact", "Health", "Problem")
"""Components that the client does not take as answers: what it sends, and what it raises."""
NAMES: Final = {
    "Board": "BoardPage",
    "DecisionCounts": "DecisionCount",
    "Decisions": "AnyDecision",
    "DesignationDecisions": "DesignationDecisionTaken",
    "DesignationHistory": "QualificationChange",
    "Designations": "DesignationLine",
    "Explain": "Explanation",
    "History": "EligibilityStep",
    "Participation": "AnyParticipation",
    "Renewals": "Renewal",
    "Replay": "Replayed",
}
"""The class of an answer, where it is not named as its component."""
FEED: Final = ("ChangesPage", "CutOff", "DesignationChange", "EligibilityChange", "PositionReached")
MODULES: Final = dict.fromkeys(FEED, "changes")
"""The module of an answer, where it is not named as its component."""
PLAIN: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
WIDTH: Final = 116
"""Of a docstring's line without its indent."""
ROOT: Final = Path(__file__).parents[2]


@dataclass
class Module:
    """One module: its classes in their order, and what it takes from others."""

    name: str
    imports: dict[str, set[str]] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The module's source, before it is formatted."""
        body = "\n\n".join(self.classes.values())
        lines = ['"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""', ""]
        lines += ["from __future__ import annotations", ""]
        typing = [
            name for name in ("Any", "Literal") if f"{name}[" in body or f", {name}]" in body or f": {name}" in body
        ]
        lines += [f"from typing import {', '.join(typing)}", ""] if typing else []
        lines += ["from pydantic import Field", ""] if "Field(" in body else []
        imports = {**self.imports, "answer": {"Answer"}} if "(Answer)" in body else self.imports
        for module, names in sorted(imports.items()):
            lines.append(f"from csat_ledger_client.answers.{module} import {', '.join(sorted(names))}")
        return "\n".join([*lines, "", body]) + "\n"


class Models:
    """All modules, made of the components of the document."""

    def __init__(self, components: Mapping[str, Schema]) -> None:
        self.modules: Final[dict[str, Module]] = {}
        self.public: Final[dict[str, str]] = {}
        """The class of each answer, and its module."""
        self._components = components
        self._made: dict[tuple[str, bytes], tuple[str, str]] = {}
        """Name and whole content of a class -> where it stands."""
        for name in components:
            if "." not in name and name not in NOT_ANSWERS:
                self._module(name)

    def _module(self, component: str) -> None:
        name = MODULES.get(component, _snake(component))
        module = self.modules.setdefault(name, Module(name))
        where, kind = self._place(component, module)
        self.public[kind] = where

    def _place(self, component: str, module: Module) -> tuple[str, str]:
        """The module and the class of a component, which is made where no other is the same."""
        top, _, inner = component.partition(".")
        name = inner or NAMES.get(top, top)
        key = (name, orjson.dumps(self._whole(self._components[component]), option=orjson.OPT_SORT_KEYS))
        if key not in self._made:
            self._made[key] = (module.name, name)
            module.classes[name] = self._written(name, self._components[component], module)
            module.classes[name] = module.classes.pop(name)  # behind what it is made of
        return self._made[key]

    def _whole(self, schema: Any) -> Any:
        """A schema with what it refers to in the place of the references."""
        if isinstance(schema, list):
            return [self._whole(one) for one in schema]
        if not isinstance(schema, Mapping):
            return schema
        found = {key: self._whole(value) for key, value in schema.items() if key != "$ref"}
        if "$ref" in schema:
            found["$ref"] = self._whole(self._components[schema["$ref"].removeprefix(PREFIX)])
        return found

    def _written(self, name: str, schema: Schema, module: Module) -> str:
        if "properties" not in schema:
            return f"{name} = {self._type(schema, module)}\n"
        needed = set(schema.get("required", ()))
        parts = [f"class {name}(Answer):", _doc(schema.get("description", name)), ""]
        for member, said in schema["properties"].items():
            parts += [self._member(member, said, member in needed, module)]
            if "description" in said:
                parts += [_doc(said["description"])]
        return "\n".join(parts) + "\n"

    def _member(self, member: str, said: Schema, needed: bool, module: Module) -> str:
        kind = self._type(said, module)
        if not needed:
            kind = kind if kind.endswith("| None") else f"{kind} | None"
        name = member.replace("-", "_")
        name = f"{name}_" if iskeyword(name) else name
        if name != member:
            default = "" if needed else "default=None, "
            return f'    {name}: {kind} = Field({default}alias="{member}")'
        return f"    {name}: {kind}" + ("" if needed else " = None")

    def _type(self, schema: Schema, module: Module) -> str:
        if "$ref" in schema:
            where, name = self._place(schema["$ref"].removeprefix(PREFIX), module)
            if where != module.name:
                module.imports.setdefault(where, set()).add(name)
            return name
        if "anyOf" in schema:
            kinds = dict.fromkeys(self._type(one, module) for one in schema["anyOf"])
            return " | ".join(sorted(kinds, key=lambda kind: kind == "None"))
        if "enum" in schema or "const" in schema:
            values = schema.get("enum", [schema.get("const")])
            if all(isinstance(value, str) for value in values):
                return f"Literal[{', '.join(orjson.dumps(value).decode() for value in values)}] | str"
        match schema.get("type"):
            case "array":
                return f"tuple[{self._type(schema['items'], module)}, ...]"
            case "object":
                held = schema.get("additionalProperties", True)
                return f"dict[str, {self._type(held, module) if isinstance(held, Mapping) else 'Any'}]"
            case str(plain):
                return PLAIN[plain]
        return "Any"


def modules() -> dict[str, str]:
    """The source of each module, by its file's name."""
    components = orjson.loads(document())["components"]["schemas"]
    made = Models(components)
    sources = {f"{module.name}.py": module.text() for module in made.modules.values() if module.classes}
    lines = ['"""The answers over HTTP, made of schemas/openapi.json by `console.http.client_models`."""', ""]
    lines += [f"from csat_ledger_client.answers.{where} import {name}" for name, where in made.public.items()]
    lines += ["", f"__all__ = {sorted(made.public)!r}"]
    sources["__init__.py"] = "\n".join(lines) + "\n"
    return {name: _formatted(source) for name, source in sorted(sources.items())}


def _formatted(source: str) -> str:
    for arguments in (["check", "--fix-only", "--quiet", "--select", "I,RUF022", "-"], ["format", "--quiet", "-"]):
        source = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", f"client/{FOLDER}/answer.py"],
            cwd=ROOT, input=source, capture_output=True, text=True, check=True, timeout=60,
        ).stdout  # fmt: skip
    return source


def _doc(text: str) -> str:
    whole = f'"""{text}"""'
    if len(whole) > WIDTH:
        whole = f'"""{fill(text, WIDTH - 3)}\n"""'
    return indent(whole, "    ")


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def main(arguments: Sequence[str]) -> int:
    """See the module."""
    match list(arguments):
        case ["--write", folder]:
            for name, source in modules().items():
                (Path(folder) / FOLDER / name).write_text(source)
            return 0
        case ["--check", folder]:
            found = differences(Path(folder))
            sys.stderr.writelines(f"{line}\n" for line in found)
            return 1 if found else 0
    sys.stderr.write(f"{__doc__}\n")
    return 2


def differences(folder: Path) -> list[str]:
    """What in the client's folder is not as it would be made."""
    made, place = modules(), folder / FOLDER
    found = [f"{place / name}: is not what the document says" for name, source in made.items()
             if not (place / name).exists() or (place / name).read_text() != source]  # fmt: skip
    there = {path.name for path in place.glob("*.py")} - {"answer.py"}
    return found + [f"{place / name}: is no answer of the document any more" for name in sorted(there - made.keys())]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
