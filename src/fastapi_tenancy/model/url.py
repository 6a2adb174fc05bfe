"""A database URL that can be used whole, is never shown whole, and suits every driver."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.metadata import version
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote

from fastapi_tenancy.errors import ConfigurationError

_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*://)(?P<user>[^:/?]*):(?P<password>\*\*\*|.*)@")
_QUERY = re.compile(r"(?i)([?&](?:password|passwd|pwd|sslpassword)=)([^&#\s]*)")
_CONNINFO = re.compile(r"(?i)\b((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)")

# The first "@" that leaves a valid rest ends the user part, so that a password may hold "@", "/",
# "?" or "#" as it is (SQLAlchemy and libpq each allow some of them).
_POSTGRES = re.compile(
    r"(?P<scheme>[A-Za-z0-9]+)(?:\+(?P<driver>\w+))?://"
    r"(?:(?P<user>[^:/?]*?)(?::(?P<password>.*?))?@)?"
    r"(?P<hosts>[^/?@]*)(?:/(?P<database>[^?/]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)
_HOST = re.compile(r"(?P<host>\[[^\]]+\]|[^\[\]:]*)(?::(?P<port>\d*))?")
_SCHEME = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9]*)(?:\+(?P<driver>\w+))?://")
_SQLITE = re.compile(r"sqlite(?:\+\w+)?://(?P<rest>$|\?.*|/.*)", re.DOTALL)

_DRIVERS = {
    "postgresql": (None, "asyncpg", "psycopg", "psycopg_async", "psycopg2", "psycopg2cffi"),
    "postgres": (None, "asyncpg", "psycopg", "psycopg_async", "psycopg2", "psycopg2cffi"),
    "sqlite": (None, "aiosqlite", "pysqlite"),
}
_ACCEPTED = "postgresql://, postgres://, postgresql+asyncpg|psycopg|psycopg2:// or sqlite:///"
_NOT_LIBPQ = frozenset(
    (
        "async_fallback",
        "command_timeout",
        "direct_tls",
        "max_cacheable_statement_size",
        "max_cached_statement_lifetime",
        "prepare_threshold",
        "prepared_statement_cache_size",
        "prepared_statement_name_func",
        "statement_cache_size",
    )
)
"""Query arguments that only a Python driver knows and libpq refuses."""
_DECODES = not version("sqlalchemy").startswith("2.0.")
"""Whether SQLAlchemy percent-decodes the name of a database; 2.0 takes it as it stands."""
_SSL_WORDS = {"true": "require", "1": "require", "false": "disable", "0": "disable"}


class DatabaseUrl(str):
    """A URL as text: ``str(url)`` is the whole URL, ``repr(url)`` hides its password."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"DatabaseUrl({masked(self)!r})"


class SealedUrl(DatabaseUrl):
    """A URL that is encrypted with a key that is not known: it can be kept, and not be used.

    Args:
        text: what is kept of it.
        problem: why it cannot be used, in words.
    """

    __slots__ = ("problem",)
    problem: str

    def __new__(cls, text: str, problem: str) -> SealedUrl:
        """Make one of what is kept of it."""
        made = super().__new__(cls, text)
        made.problem = problem
        return made

    def __repr__(self) -> str:
        return "SealedUrl('(encrypted)')"

    def __reduce__(self) -> tuple[type[SealedUrl], tuple[str, str]]:
        return SealedUrl, (str(self), self.problem)


class _Address(NamedTuple):
    """The parts of a PostgreSQL URL, percent-decoded."""

    user: str | None
    password: str | None
    hosts: tuple[tuple[str, str], ...]
    database: str
    query: tuple[tuple[str, str], ...]


def masked(text: str) -> str:
    """Return ``text`` with the password of every URL and conninfo in it as ``***``."""
    lines = (_USERINFO.sub(r"\g<scheme>\g<user>:***@", line) for line in text.split("\n"))
    return _CONNINFO.sub(_hidden, _QUERY.sub(_hidden, "\n".join(lines)))


def _hidden(found: re.Match[str]) -> str:
    """The name of a password with ``***``, and the quote that ends the URL it is the last of."""
    before = found.string[: found.start()]
    word = "" if before[-1:].isspace() else (before.rsplit(None, 1) or [""])[-1].lstrip("([{")
    mark = word[:1]
    end = re.search(rf"{mark}[.,;:)\]}}]*\Z", found[2]) if mark and mark in "'\"" else None
    return f"{found[1]}***{end[0] if end else ''}"


def shown_url(url: DatabaseUrl) -> str:
    """A URL as people see it: its password masked, and nothing of one that is encrypted."""
    return "(encrypted)" if isinstance(url, SealedUrl) else masked(url)


def accepted(url: str) -> DatabaseUrl:
    """Return ``url`` unchanged if it names a PostgreSQL or SQLite database.

    Raises:
        ConfigurationError: another kind of database, an unknown driver, or not a URL.
    """
    if is_postgresql(url):
        _address(url)
    return DatabaseUrl(url)


def is_postgresql(url: str) -> bool:
    """Return True for a PostgreSQL URL, False for an SQLite one.

    Raises:
        ConfigurationError: as ``accepted``.
    """
    if isinstance(url, SealedUrl):
        raise ConfigurationError(url.problem)
    found = _SCHEME.match(url)
    if found is None:
        raise ConfigurationError(
            f"{_shown(url)!r} is not a database URL; expected one that starts with {_ACCEPTED}"
        )
    name, driver = found["name"].lower(), found["driver"]
    if name not in _DRIVERS:
        raise ConfigurationError(
            f"{masked(url)!r} names a database of kind {name!r}; expected {_ACCEPTED}"
        )
    if driver not in _DRIVERS[name]:
        known = ", ".join(d for d in _DRIVERS[name] if d)
        raise ConfigurationError(
            f"{masked(url)!r} names the driver {driver!r}; expected none, or one of {known}"
        )
    if name == "sqlite" and not _SQLITE.fullmatch(url):
        raise ConfigurationError(
            f"{masked(url)!r} is not an SQLite URL; a file takes three slashes (sqlite:///tenancy.db),"
            " or four with an absolute path"
        )
    return name != "sqlite"


def driver_free(url: str) -> DatabaseUrl:
    """Return a PostgreSQL URL of any driver as the plain ``postgresql://`` URL libpq takes.

    asyncpg's ``ssl`` becomes ``sslmode``, ``timeout`` becomes ``connect_timeout``, arguments
    that only a Python driver knows are left out, and SQLAlchemy's ``host=a:1&host=b:2``
    becomes a list of hosts.

    Raises:
        ConfigurationError: as ``accepted``, or an SQLite URL.
    """
    if not is_postgresql(url):
        raise ConfigurationError(f"{url!r} is an SQLite database; PostgreSQL is needed here")
    address = _address(url)
    hosts = ",".join(_authority(host, port) for host, port in address.hosts)
    query = "&".join(f"{quote(k, safe='')}={quote(v, safe='/')}" for k, v in address.query)
    return DatabaseUrl(_joined("postgresql", address, hosts, query))


def place_of(url: str) -> str:
    """The server and the database of a PostgreSQL URL: no user, no password, one spelling.

    Raises:
        ConfigurationError: as ``accepted``.
    """
    address = _address(url)
    hosts = ",".join(f"{host or 'localhost'}:{port or 5432}" for host, port in address.hosts)
    return f"{hosts or 'localhost:5432'}/{address.database}"


def address_of(url: str) -> DatabaseUrl:
    """What opens a connection to it: a URL for libpq, or SQLAlchemy's of an SQLite file.

    Raises:
        ConfigurationError: as ``accepted``.
    """
    return driver_free(url) if is_postgresql(url) else sync_url(url)


def database_of(url: str) -> str:
    """The name of the database a PostgreSQL URL ends in; empty where it names none."""
    return _address(url).database


def with_database(url: str, name: str) -> DatabaseUrl:
    """The PostgreSQL URL of another database on the same server, driver and arguments kept."""
    address = _address(url)._replace(database=name)
    hosts = ",".join(_authority(host, port) for host, port in address.hosts)
    query = "&".join(f"{quote(k, safe='')}={quote(v, safe='/')}" for k, v in address.query)
    return DatabaseUrl(_joined(url.partition("://")[0], address, hosts, query))


def sync_url(url: str) -> DatabaseUrl:
    """Return ``url`` for a synchronous SQLAlchemy engine: psycopg for PostgreSQL, or sqlite3.

    Raises:
        ConfigurationError: as ``accepted``.
    """
    if not is_postgresql(url):
        return DatabaseUrl("sqlite://" + url.partition("://")[2])
    address = _address(url)
    hosts, query = "", list(address.query)
    if len(address.hosts) == 1 and not address.hosts[0][0].startswith("/"):
        hosts = _authority(*address.hosts[0])
    elif address.hosts:
        # SQLAlchemy takes one host in the authority and reads sockets and lists from the query.
        query += [("host", f"{host}:{port}" if port else host) for host, port in address.hosts]
    if not _DECODES and quote(address.database, safe="") != address.database:
        query.append(("dbname", address.database))
        address = address._replace(database="")
    text = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in query)
    return DatabaseUrl(_joined("postgresql+psycopg", address, hosts, text))


def _joined(scheme: str, address: _Address, hosts: str, query: str) -> str:
    user = "" if address.user is None else quote(address.user, safe="")
    password = "" if address.password is None else ":" + quote(address.password, safe="")
    userinfo = f"{user}{password}@" if user or password else ""
    database = f"/{quote(address.database, safe='')}" if address.database or query else ""
    return f"{scheme}://{userinfo}{hosts}{database}" + (f"?{query}" if query else "")


def _authority(host: str, port: str) -> str:
    name = f"[{host}]" if ":" in host else quote(host, safe="")
    return f"{name}:{port}" if port else name


@lru_cache(maxsize=1024)  # each URL is asked for its place, its name and libpq's spelling
def _address(url: str) -> _Address:
    found = _POSTGRES.fullmatch(url)
    if found is None or "\x00" in unquote(url):
        raise ConfigurationError(
            f"{_shown(url)!r} cannot be read as a PostgreSQL URL; expected"
            " postgresql://user:password@host:port/database, with every special character of"
            " the password percent-encoded"
        )
    hosts, query = _hosts(found["hosts"], url), []
    listed: list[tuple[str, str]] = []
    for key, value in parse_qsl(found["query"] or "", keep_blank_values=True):
        if key == "host" and not value.startswith("/") and value.count(":") == 1:
            listed += _hosts(value, url)
        elif key == "host" and "," not in value:
            listed.append((value, ""))
        elif key not in _NOT_LIBPQ:
            query.append(_libpq_argument(key, value))
    if any(key == "sslmode" for key, _ in query):
        query = [(k, v) for k, v in query if k != "ssl"]
    password = found["password"]
    return _Address(
        user=None if found["user"] is None else unquote(found["user"]),
        password=None if password is None else unquote(password),
        hosts=tuple(listed or hosts),
        database=unquote(found["database"] or ""),
        query=tuple(("sslmode", v) if k == "ssl" else (k, v) for k, v in query),
    )


def _libpq_argument(key: str, value: str) -> tuple[str, str]:
    if key == "ssl":
        return "ssl", _SSL_WORDS.get(value.lower(), value)
    if key == "timeout":
        return "connect_timeout", value.partition(".")[0]
    return key, value


def _hosts(text: str, url: str) -> list[tuple[str, str]]:
    hosts = []
    for part in text.split(",") if text else ():
        found = _HOST.fullmatch(part)
        if found is None or (found["port"] and not 0 < int(found["port"]) < 65536):
            raise ConfigurationError(
                f"{masked(url)!r} has no valid host and port; expected host:port with a port"
                " from 1 to 65535"
            )
        hosts.append((unquote(found["host"]).strip("[]"), found["port"] or ""))
    return hosts


def _shown(text: str) -> str:
    """Show a text that is no URL: without a scheme the mask cannot tell where a password is."""
    hidden = masked(" ".join(text.split()))
    return hidden if "://" in text or "@" not in hidden else "***@" + hidden.rpartition("@")[2]
