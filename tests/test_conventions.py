"""The project's own rules, as failing checks whose messages say what to do instead."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

import gateway.errors
from gateway import metrics
from gateway.errors import GatewayError

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "gateway").rglob("*.py"))
REFERENCE = ROOT / "gateway" / "README.md"
MOST_FILE_LINES = 300
MOST_FUNCTION_LINES = 40


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_FILE_LINES, f"{lines} lines: it has two jobs, split it by them"
    long = [f.name for f in _functions(path) if _body_lines(f) > MOST_FUNCTION_LINES]
    assert not long, f"over {MOST_FUNCTION_LINES} lines: {long}; name their parts"


# Where an import inside a function is meant: what it brings in is heavy and seldom needed.
LAZY_ALLOWED = frozenset({"gateway/cli/__init__.py"})


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_hides_inside_a_function(path: Path) -> None:
    if str(path.relative_to(ROOT)) in LAZY_ALLOWED:
        pytest.skip("the command line loads a command's module when it is called")
    hidden = [
        (function.name, ast.unparse(node))
        for function in _functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not hidden, f"move to the top of the file, or mend the layering: {hidden}"


def _error_classes(base: type[GatewayError] = GatewayError) -> Iterator[type[GatewayError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _error_classes(kind)


def test_every_error_code_is_in_the_reference() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    raised = {kind.code for kind in _error_classes()}
    named = re.compile(r'\bcode(?:: str)?\s?=\s?"([a-z_]+)"')
    for path in SOURCES:
        if "sandbox" not in path.parts:  # its codes are the vendors'
            raised |= set(named.findall(path.read_text(encoding="utf-8")))
    raised.discard(gateway.errors.GatewayError.code)
    missing = sorted(code for code in raised if f"`{code}`" not in page)
    assert not missing, f"document in gateway/README.md: {missing}"


def test_every_header_is_in_the_reference() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    used: set[str] = set()
    for path in SOURCES:
        used |= set(re.findall(r'"(x-gateway-[a-z-]+)"', path.read_text(encoding="utf-8")))
    missing = sorted(name for name in used if f"`{name}`" not in page)
    assert not missing, f"document in gateway/README.md: {missing}"


def test_every_metric_is_in_the_reference_and_named_like_the_others() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    ours = [
        next(iter(collector.describe())).name
        for collector in vars(metrics).values()
        if isinstance(collector, MetricWrapperBase)
    ]
    assert len(ours) > 10
    assert all(name.startswith("gateway_") for name in ours)
    missing = sorted(name for name in ours if name not in page)
    assert not missing, f"document in gateway/README.md: {missing}"


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    named = project["dependencies"] + [
        each for extra in project["optional-dependencies"].values() for each in extra
    ]
    lines = {
        line.strip().split('"')[1]: line
        for line in text.splitlines()
        if '", ' in line or '",' in line
    }
    bare = [each for each in named if "#" not in lines.get(each, "# quoted elsewhere")]
    assert not bare, f"say why in pyproject.toml: {bare}"


def test_nothing_reads_the_clock_or_the_environment_behind_our_back() -> None:
    exempt = re.compile(r"# noqa: TID251")
    for path in SOURCES:
        for line in path.read_text(encoding="utf-8").splitlines():
            if exempt.search(line):
                assert "  #" in line, f"{path.name}: an exemption needs its reason on the line"
