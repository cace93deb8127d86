"""No query lacks its tenant: by the text of every query, and by what each one returns."""

import ast
import inspect
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path

import pytest

import wirephoto.storage
from tests.storage.theirs import ASKED, store_theirs
from tests.storage.writing import OTHER_TENANT
from wirephoto.storage.schema import (
    DEFAULT_TENANT,
)
from wirephoto.storage.tenancy import across_tenants

FOLDER = Path(wirephoto.storage.__file__).parent
MODULES = [path.stem for path in sorted(FOLDER.glob("*.py")) if path.stem != "__init__"]


def row_types():
    """Return the names of the types whose values say which tenant they belong to.

    They have a `tenant_id`, or hold others that do.
    """
    modules = [import_module(f"wirephoto.storage.{name}") for name in MODULES]
    known = {name: one for module in modules for name, one in vars(module).items()}
    types = {name: one for name, one in known.items() if inspect.isclass(one)}
    types = {name: one for name, one in types.items() if is_dataclass(one)}
    carriers = {
        name for name, one in types.items() if any(f.name == "tenant_id" for f in fields(one))
    }
    holders = {
        name
        for name, one in types.items()
        if any(words(str(field.type)) & carriers for field in fields(one))
    }
    return (
        carriers
        | holders
        | {
            name
            for name, one in types.items()
            if any(words(str(field.type)) & holders for field in fields(one))
        }
    )


def words(annotation):
    return set(annotation.replace(".", " ").translate(str.maketrans("[](),|'>", " " * 8)).split())


def queries():
    """Yield each function of storage that runs a statement, with its place."""
    for name in MODULES:
        if name == "database":  # runs what it is given
            continue
        for node in ast.parse((FOLDER / f"{name}.py").read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and runs_a_statement(node):
                yield f"{name}.{node.name}", node


def runs_a_statement(function):
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in ("execute", "insert_rows", "exec_driver_sql", "scalar", "scalars")
        and isinstance(node.value, ast.Name | ast.Attribute)
        and ast.unparse(node.value).split(".")[0] == "tx"
        for node in ast.walk(function)
    )


def parameters(function):
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def is_marked(function):
    """Tell whether the function says why it serves every tenant."""
    return any(
        isinstance(mark, ast.Call)
        and ast.unparse(mark.func) == "across_tenants"
        and isinstance(mark.args[0], ast.Constant)
        and len(mark.args[0].value) > 10
        for mark in function.decorator_list
    )


def names_its_tenant(function):
    """Tell whether the function compares a column with the tenant that it takes."""
    return any(p.arg == "tenant_id" for p in parameters(function)) and any(
        isinstance(node, ast.Compare)
        and ast.unparse(node.left).endswith(".c.tenant_id")
        and isinstance(node.ops[0], ast.Eq)
        and ast.unparse(node.comparators[0]) == "tenant_id"
        for node in ast.walk(function)
    )


def takes_rows(function, types):
    """Tell whether the function writes rows that carry their tenant."""
    return any(
        p.annotation is not None and words(ast.unparse(p.annotation)) & types
        for p in parameters(function)
    )


def test_every_query_names_its_tenant_or_says_why_it_serves_all():
    """One forgotten condition shows one customer another's pictures and numbers.

    A query compares `tenant_id` with its parameter, or writes rows that carry theirs, or is marked
    with `across_tenants` and a reason. Private functions keep the same rule.
    """
    types, found = row_types(), dict(queries())
    assert {"Message", "Transition", "Acceptance", "Webhook", "ApiKey"} <= types
    assert len(found) > 30

    lacking = [
        place
        for place, function in found.items()
        if not (is_marked(function) or names_its_tenant(function) or takes_rows(function, types))
    ]

    assert not lacking, "\n".join(lacking)


def test_a_query_that_takes_a_tenant_does_not_serve_all():
    """A mark beside a parameter would say two things."""
    both = [
        place
        for place, function in queries()
        if is_marked(function) and any(p.arg == "tenant_id" for p in parameters(function))
    ]

    assert not both, "\n".join(both)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("async def f(tx, tenant_id): await tx.execute(q.where(t.c.tenant_id == tenant_id))", True),
        ("async def f(tx, tenant_id): await tx.execute(q.where(t.c.id == tenant_id))", False),
        ("async def f(tx, tenant_id): await tx.execute(q)", False),
        ("async def f(tx, id_): await tx.execute(q.where(t.c.tenant_id == tenant_id))", False),
        ("async def f(tx, rows: Sequence[Message]): await tx.insert_rows(t, c, rows)", True),
        ("async def f(tx, rows: Sequence[str]): await tx.insert_rows(t, c, rows)", False),
        ("@across_tenants('one line for all')\nasync def f(tx): await tx.execute(q)", True),
        ("@across_tenants('')\nasync def f(tx): await tx.execute(q)", False),
    ],
)
def test_the_rule_sees_what_lacks_its_tenant(text, kept):
    """A check that lets everything pass would be worse than none."""
    function = ast.parse(text).body[0]

    assert runs_a_statement(function)
    assert kept == (
        is_marked(function) or names_its_tenant(function) or takes_rows(function, {"Message"})
    )


def test_a_reason_is_needed_to_serve_every_tenant():
    """The mark is a decision, and a decision has a reason."""
    with pytest.raises(AssertionError):
        across_tenants("")

    assert across_tenants("why")(len) is len


@pytest.mark.parametrize("query", ASKED, ids=lambda query: query.__name__)
async def test_nobody_reaches_another_tenants_rows(database, query):
    """Not even with the right id in hand: ids are seen in logs, links and support mails."""
    ids = await store_theirs(database)

    async with database.transaction() as tx:
        assert not await ASKED[query](tx, DEFAULT_TENANT, *ids)
        assert await ASKED[query](tx, OTHER_TENANT, *ids)


def test_every_query_of_one_tenant_is_asked_above():
    """A new one must be shown to keep tenants apart, too."""
    taking = {
        place.partition(".")[2]
        for place, function in queries()
        if any(p.arg == "tenant_id" for p in parameters(function))
    }

    assert taking == {query.__name__ for query in ASKED}
