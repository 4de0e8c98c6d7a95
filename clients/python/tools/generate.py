"""Writes `schema.py` and `_routes.py` from the server's OpenAPI document.

    python tools/generate.py OPENAPI_JSON [DIRECTORY]

`schema.py` has the types of the document, made by datamodel-code-generator. `_routes.py` has one signature of
`request` for each call, so that a type checker knows what a call takes and returns.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

METHODS = ("get", "put", "post", "patch", "delete")
HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "src" / "headworks"


def flattened(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what has no counterpart in Python's types, such as patterns."""

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {k: walk(v) for k, v in node.items() if k not in ("pattern", "propertyNames", "examples")}
        return [walk(v) for v in node] if isinstance(node, list) else node

    return {**document, "components": walk(document["components"])}


def schema(document: dict[str, Any]) -> str:
    """The module with the types."""
    with tempfile.TemporaryDirectory() as directory:
        source, target = Path(directory, "openapi.json"), Path(directory, "schema.py")
        source.write_text(json.dumps(flattened(document)))
        command = [
            *(sys.executable, "-m", "datamodel_code_generator", "--disable-warnings"),
            *("--input", str(source), "--input-file-type", "openapi", "--openapi-scopes", "schemas"),
            *("--output", str(target), "--output-model-type", "typing.TypedDict"),
            *(
                "--target-python-version",
                "3.10",
                "--no-use-closed-typed-dict",
                "--enum-field-as-literal",
                "all",
            ),
            *("--use-standard-collections", "--use-union-operator", "--use-schema-description"),
            *("--use-field-description", "--disable-timestamp", "--formatters", "builtin"),
            *("--custom-file-header", "# Made by tools/generate.py from the OpenAPI document."),
        ]
        subprocess.run(command, check=True)
        text = target.read_text()
    # `NotRequired` is in the standard library from 3.11 on; older versions need typing_extensions.
    imports = re.search(r"^from typing_extensions import (.+)$", text, re.M)
    if imports is None:
        raise SystemExit("schema.py: the generator no longer imports from typing_extensions; mend this script")
    names = imports[1]
    new = "\n".join(
        (
            "import sys\n\nif sys.version_info >= (3, 11):",
            f"    from typing import {names}\nelse:\n    from typing_extensions import {names}",
        )
    )
    return text.replace(imports[0], new, 1)


def name_of(ref: str) -> str:
    return ref.rsplit("/", 1)[-1]


def type_of(content: dict[str, Any] | None) -> str:
    """The type of a body or an answer."""
    if not content:
        return "None"
    media, value = next(iter(content.items()))
    shape = value.get("schema", {})
    if "$ref" in shape:
        return f"schema.{name_of(shape['$ref'])}"
    if media.startswith("text/") or shape.get("type") == "string":
        return "str"
    if shape.get("type") == "array":
        return "Sequence[Mapping[str, Any]]"
    return "Any"


def answer_of(operation: dict[str, Any]) -> str:
    """The type of what a call returns when it succeeds."""
    good = [r for status, r in operation["responses"].items() if status.startswith("2")]
    kinds = dict.fromkeys(type_of(r.get("content")) for r in good)
    return " | ".join(kinds)


def signature(method: str, path: str, operation: dict[str, Any], is_async: bool) -> str:
    body = type_of((operation.get("requestBody") or {}).get("content"))
    takes = [f"method: Literal[{method.upper()!r}]", f"path: Literal[{path!r}]", "/", "*"]
    inside = [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"]
    if inside:
        takes.append("params: Mapping[str, str]")
    if any(p["in"] == "query" for p in operation.get("parameters", [])):
        takes.append("query: Mapping[str, str | int | bool] | None = None")
    if body != "None":
        takes.append(f"body: {body}")
    if method != "get":
        takes.append("idempotency_key: str | None = None")
    if takes[-1] == "*":
        takes.pop()
    takes.append("**options: Unpack[Options]")
    word = "async def" if is_async else "def"
    summary = operation.get("summary", "").strip()
    head = f"    @overload\n    {word} request(\n        self,\n"
    lines = "".join(f"        {take},\n" for take in takes[:-1]) + f"        {takes[-1]},\n"
    return f'{head}{lines}    ) -> {answer_of(operation)}:\n        """{summary}."""\n'


def routes(document: dict[str, Any]) -> str:
    """The module with the signatures."""
    text = [ROUTES_HEAD]
    for is_async, name in ((False, "Routes"), (True, "AsyncRoutes")):
        text.append(f'class {name}:\n    """Every call of the API, by method and path."""\n')
        for path, methods in document["paths"].items():
            for method in (m for m in METHODS if m in methods):
                if not any(
                    p["in"] == "header" and "webhook-" in p["name"] for p in methods[method].get("parameters", [])
                ):
                    text.append(signature(method, path, methods[method], is_async))
        text.append(ROUTES_TAIL.format(**FORMS[is_async]))
    return "\n".join(text)


ROUTES_HEAD = '''\
# Made by tools/generate.py from the OpenAPI document.
"""One signature of `request` for each call. Never sends anything: clients do."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, overload

if TYPE_CHECKING:
    from . import schema

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack


class Options(TypedDict, total=False):
    """What any call may be told about how it is sent."""

    timeout: float | None
    max_retries: int | None


'''
ROUTES_TAIL = '''\
    {word} request(self, method: str, path: str, /, **arguments: Any) -> Any:
        """Makes a call that has no method of its own. `params` are the names in the path; they are percent-encoded here."""
        return {call}(method, path, **arguments)

    {word} _request(self, method: str, path: str, **arguments: Any) -> Any:
        raise NotImplementedError

'''
FORMS = {
    False: {"word": "def", "call": "self._request"},
    True: {"word": "async def", "call": "await self._request"},
}


def main() -> None:
    document = json.loads(Path(sys.argv[1]).read_text())
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else PACKAGE
    (target / "schema.py").write_text(schema(document))
    (target / "_routes.py").write_text(routes(document))


if __name__ == "__main__":
    main()
