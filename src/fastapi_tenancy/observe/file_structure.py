"""The structure of an SQLite file, as its pragmas tell it: how the SQL was written is left out.

``ALTER TABLE`` edits the text in ``sqlite_master``, and batch mode writes it anew, so that equal
tables may have unequal texts. What no pragma tells (checks, generated columns, collations) is cut
out of the text.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

from fastapi_tenancy.observe.files import quoted
from fastapi_tenancy.observe.structure import Structure

_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|\s+|[\w$]+|.""",
    re.DOTALL,
)
_TABLES = """
SELECT name, type, tbl_name, coalesce(sql, '') FROM sqlite_master
WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND type IN ('table', 'view', 'trigger')
"""


def read_objects(connection: sqlite3.Connection) -> Structure:
    """Tables, columns, constraints, indexes, views and triggers of a file.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    found: Structure = {}
    for name, kind, table, sql in connection.execute(_TABLES).fetchall():
        words = _words(sql)
        if kind == "trigger":
            found["trg", f"{table}.{name}"] = " ".join(words)
        elif kind == "view":
            found["rel", name] = f"v|{' '.join(words)}"
        else:
            found["rel", name] = "r" + _options(words)
            found |= _table(connection, name, words)
    return found


def _table(connection: sqlite3.Connection, table: str, words: list[str]) -> Structure:
    named = quoted(table)
    columns = connection.execute(f"PRAGMA table_xinfo({named})").fetchall()
    found: Structure = {}
    for _, name, kind, required, default, key, hidden in columns:
        parts = [str(kind).upper(), "NOT NULL" if required else "", f"PRIMARY KEY {key or ''}"]
        parts = [p for p in (parts[0], parts[1], parts[2] if key else "") if p]
        parts += [] if default is None else [f"DEFAULT {default}"]
        parts += ["GENERATED"] if hidden in (2, 3) else []
        found["col", f"{table}.{name}"] = " ".join(parts)
    for number, text in enumerate(sorted(_clauses(words))):
        found["con", f"{table}.check {number + 1}"] = text
    found |= dict(_references(connection, table))
    found |= dict(_indexes(connection, table))
    return found


def _references(
    connection: sqlite3.Connection, table: str
) -> Iterator[tuple[tuple[str, str], str]]:
    keys: dict[int, list[tuple[str, ...]]] = {}
    rows = connection.execute(f"PRAGMA foreign_key_list({quoted(table)})").fetchall()
    for number, _, other, column, referred, on_update, on_delete, _match in rows:
        row = (str(column), str(referred or ""), str(other), str(on_update), str(on_delete))
        keys.setdefault(number, []).append(row)
    for parts in keys.values():
        columns = ", ".join(p[0] for p in parts)
        referred = ", ".join(p[1] for p in parts)
        other, on_update, on_delete = parts[0][2:]
        told = f"REFERENCES {other} ({referred}) ON UPDATE {on_update} ON DELETE {on_delete}"
        yield ("fk", f"{table}.({columns}) to {other}"), told


def _indexes(connection: sqlite3.Connection, table: str) -> Iterator[tuple[tuple[str, str], str]]:
    for row in connection.execute(f"PRAGMA index_list({quoted(table)})").fetchall():
        name, unique, origin = str(row[1]), bool(row[2]), str(row[3])
        columns = connection.execute(f"PRAGMA index_xinfo({quoted(name)})").fetchall()
        shown = ", ".join(
            f"{c[2] or 'expression'} {c[4]}{' DESC' if c[3] else ''}" for c in columns if c[5]
        )
        on = table if table.isidentifier() else quoted(table)
        told = f"{'UNIQUE ' if unique else ''}INDEX ON {on} USING ({shown})"
        if origin == "c":
            yield ("idx", name), told + _condition(connection, name, columns)
        else:
            # SQLite numbers them; their columns say which one it is.
            word = "primary key" if origin == "pk" else "unique"
            yield ("con", f"{table}.{word} ({shown})"), told


def _condition(connection: sqlite3.Connection, index: str, columns: list[tuple[object]]) -> str:
    """What the pragma does not tell of an index: its condition and expressions."""
    rows = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", [index]).fetchone()
    words = _words(rows[0] or "") if rows else []
    expressions = any(column[1] == -2 for column in map(tuple, columns))
    if "WHERE" not in words and not expressions:
        return ""
    at = next((n for n, word in enumerate(words) if word == "("), 0)
    return " " + " ".join(words[at:] if expressions else words[words.index("WHERE") :])


def _options(words: list[str]) -> str:
    """What stands behind the columns: STRICT, WITHOUT ROWID; and AUTOINCREMENT."""
    behind = words[len(words) - words[::-1].index(")") :] if ")" in words else []
    found = sorted(word for word in ("STRICT", "WITHOUT", "VIRTUAL") if word in behind)
    return "".join(f"|{word}" for word in (*found, *({"AUTOINCREMENT"} & set(words))))


def _clauses(words: list[str]) -> Iterator[str]:
    """Checks, generated columns and collations of CREATE TABLE, each with its expression."""
    for at, word in enumerate(words):
        if word in ("CHECK", "AS") and words[at + 1 : at + 2] == ["("]:
            yield " ".join([word, *_within(words, at + 1)])
        elif word == "COLLATE":
            yield " ".join(words[max(0, at - 2) : at + 2])


def _within(words: list[str], start: int) -> list[str]:
    """From a bracket that opens to the one that closes it."""
    depth = 0
    for end in range(start, len(words)):
        depth += (words[end] == "(") - (words[end] == ")")
        if depth == 0:
            return words[start : end + 1]
    return words[start:]


def _words(sql: str) -> list[str]:
    """The tokens of a statement; keywords and plain names in one spelling, no comments."""
    tokens = (token for token in _TOKEN.findall(sql) if not token.isspace())
    kept = (t for t in tokens if not t.startswith(("--", "/*")))
    return [_plain(token) for token in kept]


def _plain(token: str) -> str:
    if token[0] in '"`[' and re.fullmatch(r"[A-Za-z_]\w*", token[1:-1]):
        token = token[1:-1]
    return token if token[0] in "'\"`[" else token.upper()
