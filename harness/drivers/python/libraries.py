"""The libraries that a target's module imports before any code of the application's own has run.

Nothing but the chain file decides how these are imported, so whoever carries out many runs of one chain may import them
once, and run the application's own modules afresh each time. A statement that could change that ends the search: what
comes after it is imported as each run does it.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from importlib.util import decode_source, find_spec, resolve_name
from pathlib import Path

from harness.chain import Chain
from harness.drivers.python.surroundings import is_library, own_packages, surroundings


def import_libraries(chain: Chain, base_urls: Mapping[str, str]) -> None:
    """Import them as a run does, with the variables that the chain file sets.

    Raises:
        BaseException: Whatever a library raises when it is imported.
    """
    assert chain.target is not None
    with surroundings(chain, base_urls):
        _Imports(own_packages(chain)).follow(chain.target.partition(":")[0])


class _Imports:
    """Carries out the imports of libraries at the beginning of modules.

    Args:
        own: Names of the application's packages, wherever they are.
    """

    def __init__(self, own: Collection[str]) -> None:
        self._own = own
        self._seen: set[str] = set()

    def follow(self, name: str) -> bool:
        """Go through a module of the application and the packages that it is in.

        Returns:
            Whether none of them does anything but import.
        """
        parts = name.split(".")
        for size in range(1, len(parts) + 1):
            inner = ".".join(parts[:size])
            if inner in self._seen:
                continue
            self._seen.add(inner)
            file = _file(inner)
            if file is None or not self._module(inner, file):
                return False
        return True

    def _module(self, name: str, file: Path) -> bool:
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        try:
            statements = ast.parse(decode_source(file.read_bytes())).body
        except (OSError, SyntaxError, ValueError):  # its run names it
            return False
        return all(self._statement(each, package) for each in statements)

    def _statement(self, statement: ast.stmt, package: str) -> bool:
        """Carry out a statement if it imports a library; return whether it does nothing else."""
        match statement:
            case ast.Import(names=names):
                return all(self._import(alias.name, ast.Import([alias])) for alias in names)
            case ast.ImportFrom(module=module, level=level, names=names):
                name = resolve_name("." * level + (module or ""), package) if level else str(module)
                inner = [f"{name}.{alias.name}" for alias in names]
                return self._import(name, ast.ImportFrom(name, names, 0)) and all(
                    self.follow(each) for each in inner if not self._installed(name) and _file(each)
                )
            case ast.If(test=ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), orelse=[]):
                return True
            case ast.Expr(value=ast.Constant()) | ast.Assign(targets=[ast.Name()], value=ast.Constant()):
                return True
            case _:
                return False

    def _import(self, name: str, statement: ast.stmt) -> bool:
        if not self._installed(name):
            return self.follow(name)
        module = ast.fix_missing_locations(ast.Module([statement], []))
        exec(compile(module, "<imports>", "exec"), {"__name__": "__main__"})  # noqa: S102 - the chain's own import
        return True

    def _installed(self, name: str) -> bool:
        top = name.partition(".")[0]
        spec = None if top in self._own else find_spec(top)
        if spec is None:
            return False
        if spec.origin in ("built-in", "frozen"):
            return True
        places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
        return all(map(is_library, places))


def _file(name: str) -> Path | None:
    """Return the source of a module of the application, without importing anything."""
    top, *inner = name.split(".")
    spec = find_spec(top)
    if spec is None or spec.origin is None:
        return None
    if not inner:
        return Path(spec.origin)
    for folder in spec.submodule_search_locations or ():
        path = Path(folder, *inner)
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                return file
    return None
