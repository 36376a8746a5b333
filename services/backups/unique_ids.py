"""Ids of which each may come once: any number of them in little memory, for they lie in a temporary file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager


class SeenIds:
    """The ids of one contest after the other."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE ids (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, id_: str) -> bool:
        """False if it came before. Raises `OSError` where there is no room for the file."""
        try:
            self._database.execute("INSERT INTO ids VALUES (?)", (id_,))
        except sqlite3.IntegrityError:
            return False
        except sqlite3.Error as error:
            raise OSError(f"the ids that were read do not fit into a temporary file: {error}") from None
        return True

    def forget(self) -> None:
        """Another contest begins, whose ids are its own."""
        self._database.execute("DELETE FROM ids")


@contextmanager
def seen() -> Iterator[SeenIds]:
    """No ids; the file is gone when the block ends."""
    with closing(sqlite3.connect("", isolation_level=None)) as database:
        yield SeenIds(database)
