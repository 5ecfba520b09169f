"""What is counted is shown: a number that nobody reads was counted for nothing."""

import ast
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
TREES = [
    ast.parse(path.read_text(encoding="utf-8"))
    for program in ("agent", "collector")
    for path in sorted((TOP / program).rglob("*.py"))
]
OF_TESTS: set[str] = set()
"""What only tests read."""


def nodes(kind: type) -> list:
    return [node for tree in TREES for node in ast.walk(tree) if isinstance(node, kind)]


def counter_of(target: ast.expr) -> str | None:
    """The attribute that `x.counter += 1` or `x.counter[key] += 1` counts in, its own or shared."""
    counted = target.value if isinstance(target, ast.Subscript) else target
    return counted.attr.lstrip("_") if isinstance(counted, ast.Attribute) else None


def test_every_counter_is_read() -> None:
    """Each attribute that something is added to is read by one of the programs."""
    counted = {counter_of(each.target) for each in nodes(ast.AugAssign)} - {None}
    # `x.counter[key] += 1` reads the attribute too, to count in it.
    within = [each.target.value for each in nodes(ast.AugAssign)
              if isinstance(each.target, ast.Subscript)]  # fmt: skip
    read = [
        node.attr.lstrip("_")
        for node in nodes(ast.Attribute)
        if isinstance(node.ctx, ast.Load) and not any(node is each for each in within)
    ]

    assert len(counted) > 20
    assert counted - set(read) == OF_TESTS
