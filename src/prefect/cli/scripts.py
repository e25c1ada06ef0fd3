"""Load the file of a flow as the script of this process, as `python FILE` does, but for what its author guarded.

```
python flow.py           sys.modules["__main__"] is the file; `if __name__ == "__main__":` runs
prefect run flow.py      sys.modules["__main__"] is the file; `if __name__ == "__main__":` does not
```

So what is defined in the file has the same name in both: what one of them pickled the other can read, caches know the
same code, and functions and classes travel to other processes by value, as those of every script do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

MAIN = "__main__"


@contextmanager
def as_main(path: str) -> Iterator[ModuleType]:
    """Execute a file; for the length of the block it is the script of this process.

    Its folder is the first one on `sys.path`, and `sys.argv` holds the file alone. Whatever it raises comes out.
    """
    code = unguarded(path)
    module = ModuleType(MAIN)
    module.__file__ = path
    # A process that `multiprocessing` starts would execute the file of `__main__` once more, and there nobody holds
    # back its `flow.run()`. It does not where `__main__` is a part of a package.
    module.__spec__ = ModuleSpec("prefect.__main__", None)
    before = sys.modules[MAIN], sys.path[:], sys.argv[:]
    sys.modules[MAIN] = module
    sys.path.insert(0, os.path.dirname(path))
    sys.argv[:] = [path]
    try:
        exec(code, module.__dict__)
        yield module
    finally:
        sys.modules[MAIN], sys.path[:], sys.argv[:] = before


def look_here() -> None:
    """Let modules in the current folder be imported, as `python -m` does."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())


def unguarded(path: str) -> CodeType:
    """The code of a file in which `__name__ == "__main__"`, outside of functions, is false."""
    import ast

    class Guards(ast.NodeTransformer):
        """Replaces guards; it does not look into functions, whose code has to stay what it is."""

        def visit_Compare(self, node: ast.Compare) -> ast.AST:
            if not is_guard(node):
                return self.generic_visit(node)
            return ast.copy_location(ast.Constant(isinstance(node.ops[0], ast.NotEq)), node)

        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            return node

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
            return node

        def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
            return node

    def is_guard(node: ast.Compare) -> bool:
        sides = {ast.unparse(node.left), *map(ast.unparse, node.comparators)}
        return sides == {"__name__", repr(MAIN)} and isinstance(node.ops[0], ast.Eq | ast.NotEq)

    with open(path, "rb") as file:
        tree: Any = ast.parse(file.read(), path)
    return compile(Guards().visit(tree), path, "exec", dont_inherit=True)
