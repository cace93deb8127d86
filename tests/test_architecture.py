"""House rules that a machine can keep: sizes, words, names, and who may import whom."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("src", "tests", "benchmarks", "deploy", "docs", "requirements", ".ci")
SOURCE = ROOT / "src" / "wirephoto"

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
LINE_COLUMNS_MAX = 100

# Straight stories that would only suffer from being cut: paths, and `path:function` names. The
# lists may only shrink, and an entry that is no longer needed fails the build.
LONG_FILES: frozenset[str] = frozenset()
LONG_FUNCTIONS: frozenset[str] = frozenset()

# A migration is never edited once merged, so it is never cut either.
MIGRATIONS = "src/wirephoto/storage/migrations/versions/"

# Tests that are about no single module.
SUITES = frozenset(
    {
        "tests/test_architecture.py",
        "tests/test_docs.py",
        "tests/cli/test_readme.py",
        "tests/api/test_bad_input.py",
        "tests/api/test_fuzz.py",
        "tests/simulator/test_official_sdk.py",
    }
)
SUITE_FOLDERS = frozenset({"tests/scenarios"})

BANNED_FILES = frozenset({"utils", "helpers", "common", "manager", "handler", "data", "info"})
BANNED_WORDS = frozenset({"callback", "dlr", "blacklist", "whitelist", "unsubscribe", "blast"})
BANNED_NAMES = frozenset({"from_number", "to_number", "external_id"})
BANNED_PROSE = re.compile(r"\b(?:black|white)list", re.IGNORECASE)

TASK_WITHOUT_ISSUE = re.compile(r"\b(?:TODO|FIXME)\b(?! ?\(?#\d+)")
INDEX_ADDRESS = re.compile(
    r"pypi\.org|pythonhosted\.org|(?<!no-emit-)(?:index-url|find-links)|https?://\S+/simple\b"
)
MACHINE_PATH = re.compile(r"(?<![\w./])/(?:work|root|home|tmp|opt|Users)/\w|\.\./shared")


def _texts() -> Iterator[tuple[str, str]]:
    """Yield path and text of each file that belongs to the repository."""
    paths = [path for path in ROOT.iterdir() if path.is_file() and path.suffix in _ROOT_SUFFIXES]
    for folder in FOLDERS:
        paths += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in sorted(paths):
        if "__pycache__" not in path.parts and path.suffix not in _BINARY_SUFFIXES:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


_ROOT_SUFFIXES = frozenset({"", ".md", ".toml", ".yml", ".yaml"})
_BINARY_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".gif", ".webp", ".heic", ".mp4", ".woff2", ".ico", ".pyc"}
)


@cache
def _modules() -> tuple[tuple[str, ast.Module, str], ...]:
    """Return path, syntax tree and text of every Python file."""
    return tuple((path, ast.parse(text), text) for path, text in _texts() if path.endswith(".py"))


def _source_modules() -> Iterator[tuple[str, ast.Module]]:
    for path, tree, _ in _modules():
        if path.startswith("src/"):
            yield path, tree


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_files_stay_short_enough_to_read_in_one_sitting() -> None:
    """A file that outgrows its bound usually holds two ideas."""
    long = {
        path
        for path, _, text in _modules()
        if len(text.splitlines()) > FILE_LINES_MAX and not path.startswith(MIGRATIONS)
    }

    assert not long - LONG_FILES, "\n".join(sorted(long - LONG_FILES))
    assert not LONG_FILES - long, "take what is no longer needed off the list"


def test_functions_fit_a_screen() -> None:
    """What does not fit a screen is not read as a whole, and that is where defects live."""
    long = {
        f"{path}:{node.name}"
        for path, tree, _ in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > FUNCTION_LINES_MAX
        and not path.startswith(MIGRATIONS)
    }

    assert not long - LONG_FUNCTIONS, "\n".join(sorted(long - LONG_FUNCTIONS))
    assert not LONG_FUNCTIONS - long, "take what is no longer needed off the list"


def test_lines_fit_two_editors_side_by_side() -> None:
    """The formatter leaves long strings and comments alone; this does not."""
    long = [
        f"{path}:{number}"
        for path, _, text in _modules()
        for number, line in enumerate(text.splitlines(), start=1)
        if len(line) > LINE_COLUMNS_MAX
    ]

    assert not long, "\n".join(long)


def test_everything_public_says_what_it_gives() -> None:
    """A reader should not need the body to use a function."""
    silent = []
    for path, tree in _source_modules():
        if path.startswith(MIGRATIONS):
            continue
        if ast.get_docstring(tree) is None:
            silent.append(path)
        silent += [f"{path}:{name}" for name in _undocumented(tree)]

    assert not silent, "\n".join(silent)


def _undocumented(parent: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in parent.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_"):
            continue
        overload = any("overload" in ast.unparse(mark) for mark in node.decorator_list)
        if ast.get_docstring(node) is None and not overload:
            yield node.name
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{name}" for name in _undocumented(node))


def test_every_test_says_why_we_care() -> None:
    """A test that fails in two years is kept or deleted by what its docstring says."""
    silent = [
        f"{path}:{node.name}"
        for path, tree, _ in _modules()
        for node in ast.walk(tree)
        if path.startswith("tests/")
        and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and ast.get_docstring(node) is None
    ]

    assert not silent, "\n".join(silent)


def test_files_are_named_after_something_in_the_field() -> None:
    """The list of files is the table of contents; a drawer for leftovers is not a chapter."""
    drawers = [path for path, _, _ in _modules() if BANNED_FILES & {*Path(path).parts, _stem(path)}]

    assert not drawers, "\n".join(drawers)


def _stem(path: str) -> str:
    return Path(path).stem.removeprefix("test_")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("on_callback", {"on", "callback"}),
        ("DLRReceived", {"dlr", "received"}),
        ("blackList", {"black", "list"}),
        ("MAX_BLAST", {"max", "blast"}),
    ],
)
def test_names_are_read_word_by_word(name: str, words: set[str]) -> None:
    """The rule below is only as good as what it takes for a word."""
    assert _words(name) == words


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def test_names_use_the_words_of_the_glossary() -> None:
    """One thing has one name: a receipt is not sometimes a DLR and sometimes a callback."""
    strangers = [
        f"{path}:{line} {name}"
        for path, tree in _source_modules()
        for line, name in _names_given(tree)
        if name.lower() in BANNED_NAMES or BANNED_WORDS & (_words(name) | {name.lower()})
    ]

    assert not strangers, "\n".join(strangers)


def _names_given(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the names that this module chose itself, not those of libraries it uses."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr


def test_prose_uses_plain_words() -> None:
    """Opt-outs and allowed networks have names that say what they are."""
    found = [
        f"{path}:{number}"
        for path, text in _texts()
        if path.startswith(("src/", "docs/")) or path.endswith(".md")
        for number, line in enumerate(text.splitlines(), start=1)
        if BANNED_PROSE.search(line)
    ]

    assert not found, "\n".join(found)


def test_what_is_left_to_do_has_an_issue() -> None:
    """A reminder without an owner is a promise to nobody."""
    found = [
        f"{path}:{number}"
        for path, _, text in _modules()
        for number, comment in _comments(text)
        if TASK_WITHOUT_ISSUE.search(comment)
    ]

    assert not found, "\n".join(found)


def test_only_the_command_line_prints() -> None:
    """Everything else speaks through telemetry, where phone numbers and secrets are masked."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in _source_modules()
        if not path.startswith(("src/wirephoto/cli.py", "src/wirephoto/cli/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]

    assert not found, "\n".join(found)


def test_every_instant_has_a_zone() -> None:
    """A naive instant is off by hours on the first machine that does not run in UTC."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree, _ in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _is_naive(node)
    ]

    assert not found, "\n".join(found)


def _is_naive(call: ast.Call) -> bool:
    called = ast.unparse(call.func)
    if called.endswith(("datetime.utcnow", "datetime.utcfromtimestamp", "datetime.today")):
        return True
    return called.endswith("datetime.now") and not call.args and not call.keywords


def test_no_file_depends_on_one_machine_or_one_package_index() -> None:
    """A clone must work for whoever makes it, with whatever index their pip is set up for."""
    found = [
        f"{path}:{number} {match.group()}"
        for path, text in _texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if (match := INDEX_ADDRESS.search(line) or MACHINE_PATH.search(line))
        and path != "tests/test_architecture.py"
    ]

    assert not found, "\n".join(found)


def test_tests_mirror_the_source() -> None:
    """Whoever changes a module finds its tests by its path."""
    astray = [
        path
        for path, _, _ in _modules()
        if re.fullmatch(r"tests/.*test_\w+\.py", path)
        and path not in SUITES
        and Path(path).parent.as_posix() not in SUITE_FOLDERS
        and not _names_a_module(path)
    ]

    assert not astray, "\n".join(astray)


def _names_a_module(test: str) -> bool:
    """Tell whether `test_x.py`, or `test_x_one_aspect.py`, stands where module `x` does."""
    folder = SOURCE.joinpath(*Path(test).parts[1:-1])
    words = _stem(test).split("_")
    names = ["_".join(words[: count + 1]) for count in range(len(words))]
    return any((folder / f"{x}.py").is_file() or (folder / x).is_dir() for x in names)


def test_imports_point_down_only() -> None:
    """The layers of `docs/architecture.md` are true, or the build fails."""
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
