"""Imports point one way, from floor to floor too, the domain is pure, and only `redis_keys` spells a key."""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("services.ingest", "services.scorer", "services.api", "services.backups", "services.webhooks")
ON_TOP = ("services.cli", "services.local")
# Floors of a house, from the ground up: a module imports from its own floor and from those below it.
FLOORS = (
    (
        "shared.domain",
        "shared.values",
        "shared.runtime",
        "shared.storage",
        "shared.changes",
        "shared.projection",
        "shared.http",
    ),
    (
        "services.api.engine",
        "services.api.live",
        "services.api.answers",
        "services.api.subscriptions",
        "services.api.web",
        "services.api.app",
    ),
)
MOST_MODULES = 14
# What reaches outside the process, tells the time or draws at random: everything the domain does without.
# fmt: off
IMPURE = frozenset({
    "asyncio", "builtins", "concurrent", "ctypes", "fcntl", "fileinput", "getpass", "glob", "http",
    "importlib", "io", "locale", "logging", "mmap", "multiprocessing", "os", "pathlib", "platform", "queue",
    "random", "secrets", "select", "selectors", "shelve", "shutil", "signal", "socket", "socketserver",
    "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
})
# fmt: on
CLOCK_CALLS = frozenset({"now", "today", "utcnow"})
IMPURE_CALLS = frozenset({"open", "input", "print", "__import__"})


def sources() -> list[Path]:
    return [
        path for top in ("services", "shared", "standings") for path in sorted((ROOT / top).rglob("*.py"))
    ]


def imported(tree: ast.Module) -> Iterator[str]:
    """Each module imported, `from a import b` as a.b too, since b may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def impurities(tree: ast.Module) -> Iterator[str]:
    for module in imported(tree):
        top = module.partition(".")[0]
        if top == "shared":
            if not within(module, ("shared.domain",)):
                yield f"the domain imports {module}"
        elif top not in sys.stdlib_module_names or top in IMPURE:
            yield f"the domain imports {module}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = called(node)
            if name in CLOCK_CALLS | IMPURE_CALLS:
                yield f"the domain calls {name}()"


def called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr if call.func.attr in CLOCK_CALLS else ""
    return call.func.id if isinstance(call.func, ast.Name) else ""


def forbidden(module: str) -> tuple[str, ...]:
    """What the module must not import."""
    return _other_houses(module) + _floors_above(module)


def _floors_above(module: str) -> tuple[str, ...]:
    return tuple(
        above
        for floors in FLOORS
        for number, floor in enumerate(floors)
        if within(module, (floor,))
        for above in floors[number + 1 :]
    )


def _other_houses(module: str) -> tuple[str, ...]:
    if within(module, ("standings",)):
        return ("services", "shared")
    if within(module, ("shared",)):
        return ("services", "standings")
    for service in SERVICES:
        if within(module, (service,)):
            return tuple(other for other in SERVICES if other != service) + ON_TOP
    return ()


def spelled_keys(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "standings:{" in node.value:
            yield f"line {node.lineno} spells a key"


def violations(module: str, source: str) -> list[str]:
    """What is wrong with a module of this dotted name."""
    tree = ast.parse(source)
    found = [f"imports {name}" for name in imported(tree) if within(name, forbidden(module))]
    if within(module, ("shared.domain",)):
        found += impurities(tree)
    if module != "shared.storage.redis_keys":
        found += spelled_keys(tree)
    return found


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def test_no_module_breaks_a_rule() -> None:
    found = {dotted(path): violations(dotted(path), path.read_text(encoding="utf-8")) for path in sources()}

    assert {module: wrong for module, wrong in found.items() if wrong} == {}


def test_every_part_is_looked_at() -> None:
    assert {"shared.domain", "services", "shared", "standings.client"} <= {dotted(path) for path in sources()}


def test_every_module_of_a_house_is_on_a_floor() -> None:
    floors = {floor.rpartition(".")[0]: group for group in FLOORS for floor in group}
    modules = [dotted(path) for path in sources() if path.stem != "__init__"]
    homeless = [
        module
        for module in modules
        for house, group in floors.items()
        if within(module, (house,)) and not within(module, group)
    ]

    assert homeless == []


def test_no_room_has_more_modules_than_one_can_keep_in_view() -> None:
    rooms = Counter(path.parent for path in sources() if path.stem != "__init__")

    assert {room.relative_to(ROOT): number for room, number in rooms.items() if number > MOST_MODULES} == {}


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("shared.domain.fold", "import redis", "the domain imports redis"),
        ("shared.domain.fold", "import os.path", "the domain imports os.path"),
        ("shared.domain.fold", "from time import sleep", "the domain imports time"),
        ("shared.domain.fold", "from shared.storage import codec", "the domain imports shared.storage.codec"),
        (
            "shared.domain.fold",
            "from datetime import datetime\nat = datetime.now()",
            "the domain calls now()",
        ),
        ("shared.domain.fold", "from datetime import date\nat = date.today()", "the domain calls today()"),
        ("shared.domain.fold", "text = open('f').read()", "the domain calls open()"),
        ("shared.runtime.tasks", "from shared.storage import log", "imports shared.storage.log"),
        ("shared.storage.log", "from shared.http import problems", "imports shared.http.problems"),
        ("services.api.live.hub", "from services.api.web import routes", "imports services.api.web.routes"),
        ("services.api.engine.index", "from services.api import app", "imports services.api.app"),
        ("shared.storage.codec", "from services.ingest import app", "imports services.ingest.app"),
        ("services.api.app", "import services.scorer.folder", "imports services.scorer.folder"),
        ("services.api", "from services import ingest", "imports services.ingest"),
        ("services.scorer.app", "from services.cli import main", "imports services.cli"),
        (
            "services.ingest.app",
            "def f():\n    from services.local import supervisor",
            "imports services.local.supervisor",
        ),
        ("standings.client.sync", "from shared.storage import codec", "imports shared.storage.codec"),
        ("shared.storage.log", "key = 'standings:{p00}:wake'", "line 1 spells a key"),
        ("services.api.app", "key = f'standings:{{p{n}}}:wake'", "line 1 spells a key"),
    ],
)
def test_the_checker_finds(module: str, source: str, wrong: str) -> None:
    assert wrong in violations(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("shared.domain.fold", "from datetime import datetime\nfrom shared.domain.events import Announced"),
        ("shared.domain.fold", "from shared.domain import events"),
        ("shared.storage.redis_keys", "key = 'standings:{p00}:wake'"),
        ("services.api.app", "from services.api import routes\nfrom shared import log"),
        ("services.cli.main", "def run():\n    from services.ingest import app"),
    ],
)
def test_the_checker_lets_pass(module: str, source: str) -> None:
    assert violations(module, source) == []
