"""A PostgreSQL server of our own, in a temporary directory and gone at the end."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

_INSTALLED = Path("/usr/lib/postgresql/15/bin")
_SETTINGS = {
    "listen_addresses": "''",
    "shared_buffers": "1GB",
    "work_mem": "64MB",
    "max_parallel_workers_per_gather": "2",
    "fsync": "off",
    "jit": "off",  # it costs more than these questions take
}
_QUESTION = (
    "SELECT cell, sum(delta), sum(members) FROM postings WHERE version <= %s AND valid_at <= %s GROUP BY cell"
)


class Postgres:
    """A table of postings with an index that holds all that the question reads."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection
        self.version = connection.info.server_version // 10_000

    def load(self, rows: list[tuple[int, int, int, int, int]]) -> None:
        """Fills the table, and arranges it for index-only scans."""
        run = self._connection.execute
        run(
            "CREATE TABLE postings (version int, valid_at bigint, cell smallint, delta smallint, members bigint)"
        )
        with self._connection.cursor() as cursor, cursor.copy("COPY postings FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        run("CREATE INDEX ON postings (valid_at, version) INCLUDE (cell, delta, members)")
        run("VACUUM ANALYZE postings")

    def answer(self, valid_at: int, version: int) -> dict[int, tuple[int, int]]:
        """The totals by cell. Prepared from the first time on."""
        found = self._connection.execute(_QUESTION, (version, valid_at), prepare=True).fetchall()
        return {cell: (int(count), int(members)) for cell, count, members in found if count or members}

    def nbytes(self) -> int:
        """The size of table and index."""
        found = self._connection.execute("SELECT pg_total_relation_size('postings')").fetchone()
        return int(found[0]) if found else 0


@contextmanager
def postgres() -> Iterator[Postgres | None]:
    """A running server, or None where PostgreSQL 15 is not installed."""
    if not _INSTALLED.exists():
        yield None
        return
    directory = Path(tempfile.mkdtemp(prefix="standings-bench-"))
    user = _user(directory)
    data = directory / "data"
    _run(user, "initdb", "-D", data, "-U", "bench", "-A", "trust", "--no-sync")
    options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    try:
        _run(
            user,
            "pg_ctl",
            "-D",
            data,
            "-w",
            "-l",
            directory / "log",
            "-o",
            f"{options} -k {directory}",
            "start",
        )
        with psycopg.connect(f"host={directory} user=bench dbname=postgres", autocommit=True) as connection:
            yield Postgres(connection)
    finally:
        _run(user, "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(directory)


def _user(directory: Path) -> str | None:
    """PostgreSQL refuses to run as root: then it runs as the user that its package made."""
    if os.getuid() != 0:
        return None
    user = pwd.getpwnam("postgres")
    os.chown(directory, user.pw_uid, user.pw_gid)
    return user.pw_name


def _run(user: str | None, program: str, *arguments: object) -> None:
    subprocess.run(
        [_INSTALLED / program, *map(str, arguments)],
        user=user,
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
    )
