"""Start a program of ours in the chain's own interpreter: `PYTHON -P bootstrap.py CARRIED MODULE [ARGUMENT…]`.

This file is given by its path, as nothing of ours is installed there. It makes the package `harness` known, and nothing else
of the environment that the harness runs in. The folder CARRIED comes last on the path: it holds the few packages that we need
and the chain's environment may lack, and whatever the environment has itself comes before it.
"""

import importlib.util
import runpy
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


class _Finder:
    """Finds our package, before another version of it that may be installed there."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG004
        """Return where the package is; its modules are found by it."""
        if name != _PACKAGE.name:
            return None
        return importlib.util.spec_from_file_location(
            name, _PACKAGE / "__init__.py", submodule_search_locations=[str(_PACKAGE)]
        )


if __name__ == "__main__":
    _, carried, module, *arguments = sys.argv
    sys.meta_path.insert(0, _Finder)
    sys.path.append(carried)
    sys.argv = [module, *arguments]
    from harness.part import claim_stdout

    claim_stdout()
    runpy.run_module(module, run_name="__main__", alter_sys=True)
