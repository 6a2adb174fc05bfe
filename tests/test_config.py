"""The settings: where they come from, what they refuse, and that no password is shown."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.plan import Engine, ProofLevel
from fastapi_tenancy.model.tenant import IsolationStrategy

URL = "postgresql+asyncpg://u:geheim@h/db"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(**values: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        TenancyConfig(**values)
    assert "geheim" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def test_nothing_configured_is_a_configuration() -> None:
    config = TenancyConfig()
    assert config.database_url is None
    assert config.catalogue_url == "sqlite:///tenancy.db"
    assert config.isolation_strategy is IsolationStrategy.SCHEMA
    assert config.search_path_extra == ("public",)
    assert config.alembic_ini == Path("alembic.ini")
    assert (config.engine, config.proof) == (Engine.AUTO, ProofLevel.SAMPLE)
    assert (config.concurrency, config.recycle_after, config.connect_timeout_s) == (10, 500, 10)
    assert config.lock_timeout_s is config.statement_timeout_s is None
    assert (config.schema_prefix, config.alembic_section) == ("tenant_", "alembic")


def test_every_setting_is_described() -> None:
    for name, field in TenancyConfig.model_fields.items():
        assert field.description, name


def test_the_url_is_whole_as_text_and_masked_everywhere_else() -> None:
    config = TenancyConfig(database_url=URL)
    assert str(config.database_url) == URL
    assert str(config.catalogue_url) == URL
    assert "geheim" not in repr(config) + str(config) + f"{config.database_url!r}"
    assert "u:***@h" in repr(config)


def test_the_catalogue_may_be_elsewhere() -> None:
    config = TenancyConfig(database_url=URL, catalogue_url="sqlite:///c.db")
    assert config.catalogue_url == "sqlite:///c.db"


def test_the_nearer_source_decides(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "pyproject.toml").write_text(
        "[tool.tenancy]\nconcurrency = 2\nproof = 'all'\n[tool.other]\nx = 1\n"
    )
    (project / "tenancy.toml").write_text("recycle_after = 3\nsearch_path_extra = ['a', 'b']\n")
    config = TenancyConfig()
    assert (config.concurrency, config.recycle_after, config.proof) == (2, 3, ProofLevel.ALL)
    assert config.search_path_extra == ("a", "b")
    monkeypatch.setenv("TENANCY_CONCURRENCY", "4")
    monkeypatch.setenv("tenancy_recycle_after", "5")
    monkeypatch.setenv("TENANCY_PROOF", "")
    config = TenancyConfig()
    assert (config.concurrency, config.recycle_after, config.proof) == (4, 5, ProofLevel.ALL)
    assert TenancyConfig(concurrency=6).concurrency == 6
    assert TenancyConfig(concurrency=None).concurrency == 4


@pytest.mark.parametrize(
    ("text", "names"),
    [("a", ("a",)), ("a, b ,", ("a", "b")), ('["a", "b,c"]', ("a", "b,c")), (" , ", ())],
)
def test_names_in_the_environment_are_separated_by_commas(
    text: str, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANCY_SEARCH_PATH_EXTRA", text)
    assert TenancyConfig().search_path_extra == names


def test_other_variables_with_the_prefix_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANCY_SOMETHING_ELSE", "1")
    assert TenancyConfig().concurrency == 10


@pytest.mark.parametrize("file", ["tenancy.toml", "pyproject.toml"])
def test_an_unknown_setting_names_the_nearest(project: Path, file: str) -> None:
    head = "" if file == "tenancy.toml" else "[tool.tenancy]\n"
    (project / file).write_text(f"{head}concurency = 3\n")
    told = refusal()
    assert file in told
    assert "did you mean concurrency?" in told
    (project / file).write_text(f"{head}database-url = 'x'\n")
    assert "did you mean database_url?" in refusal()
    (project / file).write_text(f"{head}qqqq = 3\n")
    assert "known are alembic_ini, " in refusal()


def test_an_unknown_argument_names_the_nearest() -> None:
    assert "did you mean lock_timeout_s?" in refusal(lock_timeout=3)


def test_two_files_that_disagree_are_refused(project: Path) -> None:
    (project / "tenancy.toml").write_text(f"database_url = '{URL}'\nconcurrency = 3\n")
    (project / "pyproject.toml").write_text(
        "[tool.tenancy]\ndatabase_url = 'postgresql://u:geheim@other/db'\nconcurrency = 3\n"
    )
    told = refusal()
    assert "'postgresql+asyncpg://u:***@h/db' in tenancy.toml" in told
    assert "'postgresql://u:***@other/db' in [tool.tenancy]" in told
    (project / "pyproject.toml").write_text("[tool.tenancy]\nconcurrency = 3\n")
    assert TenancyConfig().concurrency == 3


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("tenancy.toml", "concurrency = ", "tenancy.toml is not valid TOML"),
        ("pyproject.toml", "[tool", "pyproject.toml is not valid TOML"),
        ("pyproject.toml", "tool.tenancy = 3", "expected a table"),
        ("tenancy.toml", "concurrency = 0", "concurrency in tenancy.toml is '0'"),
        ("tenancy.toml", "concurrency = true", "concurrency in tenancy.toml is 'True': expected a"),
        ("tenancy.toml", "lock_timeout_s = false", "lock_timeout_s in tenancy.toml is 'False'"),
        (
            "pyproject.toml",
            "[tool.tenancy]\nproof = 'x'",
            "proof in [tool.tenancy] of pyproject.toml",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_said(project: Path, file: str, text: str, told: str) -> None:
    (project / file).write_text(text)
    assert told in refusal()


def test_a_file_that_cannot_be_read_is_named(project: Path) -> None:
    (project / "tenancy.toml").mkdir()
    assert "tenancy.toml cannot be read" in refusal()
    (project / "tenancy.toml").rmdir()
    (project / "tenancy.toml").write_bytes(b"x = '\xff'")
    assert "tenancy.toml is not valid TOML" in refusal()


def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANCY_DATABASE_URL", "mysql://u:geheim@h/db")
    told = refusal()
    assert "environment variable TENANCY_DATABASE_URL" in told
    assert "'mysql://u:***@h/db'" in told
    assert "catalogue_url" not in told


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"concurrency": 0}, "the argument concurrency is '0': input should be greater"),
        ({"concurrency": "many"}, "is 'many': input should be a valid integer"),
        ({"recycle_after": 0}, "recycle_after"),
        ({"lock_timeout_s": -1}, "lock_timeout_s is '-1'"),
        ({"statement_timeout_s": "inf"}, "finite"),
        ({"lock_timeout_s": 1e30}, "2147483"),
        ({"search_path_extra": ("public", "no\x00")}, "take the NUL character out"),
        ({"connect_timeout_s": 0}, "connect_timeout_s"),
        ({"engine": "fast"}, "'auto', 'replay', 'live' or 'env'"),
        ({"proof": "none"}, "'revision', 'sample' or 'all'"),
        ({"isolation_strategy": "x"}, "'schema', 'database', 'rls' or 'hybrid'"),
        ({"schema_prefix": "a\0"}, "schema_prefix"),
        ({"schema_prefix": "x" * 63}, "schema_prefix"),
        ({"search_path_extra": "[a"}, "separated by commas"),
        ({"tenants_query": ""}, "tenants_query"),
        ({"tenants_query": "SELECT 1", "schema_pattern": "t_%"}, "both set"),
        ({"session_schema": "public"}, "'search_path' or 'schema_translate_map'"),
        ({"session_engines": 0}, "session_engines"),
        ({"session_pool_size": True}, "expected a number"),
        ({"session_max_overflow": -1}, "session_max_overflow"),
        ({"session_pool_timeout_s": 0}, "session_pool_timeout_s"),
        ({"session_connections": 9}, "come to 15 connections for one database, session_conn"),
        ({"session_pool_size": 50}, "Raise session_connections"),
        ({"rls_setting": "tenant_id"}, "rls_setting"),
        ({"rls_setting": "app.x; DROP"}, "rls_setting"),
        ({"rls_field": "name"}, "'id' or 'identifier'"),
        ({"rls_role": ""}, "rls_role"),
        ({"database_url": "u:geheim@h/db"}, "not a database URL"),
        ({"database_url": "postgresql://u:geheim@h:x/db"}, "port from 1 to 65535"),
        ({"database_url": 3}, "expected a database URL as text"),
        ({"catalogue_url": "mysql://u:geheim@h/db"}, "the argument catalogue_url"),
        ({"concurrency": "postgresql://u:geheim@h/db"}, "u:***@h"),
        ({"resolution_strategy": "cookie"}, "'header', 'host', 'subdomain', 'path' or 'jwt'"),
        ({"resolution_strategy": "subdomain"}, "needs domain_suffix to be set"),
        (
            {"resolution_strategy": "jwt", "jwt_key": "geheim"},
            "needs jwt_algorithm and jwt_audience to be set",
        ),
        (
            {"jwt_key": ["geheim"]},
            "the argument jwt_key: expected a secret as text, or where it is: env:NAME, file:PATH",
        ),
        ({"jwt_key": ""}, "expected a secret as text"),
        ({"jwt_algorithm": "none"}, "jwt_algorithm"),
        ({"jwt_leeway_s": -1}, "jwt_leeway_s"),
        ({"tenant_header_name": "X Tenant"}, "tenant_header_name"),
        ({"domain_suffix": "https://example.com"}, "domain_suffix"),
        ({"path_prefix": "t"}, "begins with /"),
        ({"paths_without_tenant": "health"}, "begins with /"),
        ({"refused_status": 200}, "the HTTP status of a client error"),
        ({"refused_status": 499}, "the HTTP status of a client error"),
        ({"cache_size": 0}, "cache_size"),
        ({"cache_ttl_s": "soon"}, "cache_ttl_s"),
    ],
)
def test_a_value_that_cannot_be_used_is_said(values: dict[str, Any], told: str) -> None:
    assert told in refusal(**values)


def test_several_problems_are_told_at_once() -> None:
    assert len(refusal(concurrency=0, proof="x").splitlines()) == 2


def test_secrets_are_whole_as_text_and_hidden_everywhere_else() -> None:
    config = TenancyConfig(jwt_key="geheim")
    assert str(config.jwt_key) == "geheim"
    assert "geheim" not in repr(config) + str(config) + f"{config.jwt_key!r}"


def test_secrets_that_contradict_each_other_are_not_shown(project: Path) -> None:
    (project / "tenancy.toml").write_text('jwt_key = "geheim"')
    (project / "pyproject.toml").write_text('[tool.tenancy]\njwt_key = "geheimer"')
    assert "jwt_key" in refusal()


def test_paths_are_taken_as_people_write_them() -> None:
    config = TenancyConfig(
        path_prefix="/t/", domain_suffix=".Example.com", paths_without_tenant="/, /docs/"
    )
    assert (config.path_prefix, config.domain_suffix) == ("/t", "example.com")
    assert config.paths_without_tenant == ("/", "/docs")


def test_a_configuration_does_not_change() -> None:
    config = TenancyConfig()
    with pytest.raises(ValidationError):
        config.concurrency = 3


@pytest.mark.parametrize("name", ["database_url", "catalogue_url", "database_url_template"])
def test_a_url_that_is_set_and_empty_is_a_missing_secret(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"TENANCY_{name.upper()}"
    monkeypatch.setenv(variable, " ")
    with pytest.raises(ConfigurationError, match=f"{variable} is set, but empty: .*unset"):
        TenancyConfig()
    given = f"{URL}{{identifier}}"
    assert getattr(TenancyConfig(**{name: given}), name) == given


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("premium_tenants = 5", "premium_tenants in tenancy.toml is '5': expected names: a list"),
        ("shards = 5", "shards in tenancy.toml is '5': expected a table, with a table"),
        ("tracks = {a = 5}", "tracks.a in tenancy.toml is '5': expected a table of settings"),
        ("alembic_ini = 5", "alembic_ini in tenancy.toml is '5': expected a path as text"),
    ],
)
def test_what_is_expected_is_said_without_types_of_python(
    project: Path, written: str, told: str
) -> None:
    (project / "tenancy.toml").write_text(f"{written}\n")
    with pytest.raises(ConfigurationError) as refused:
        TenancyConfig()
    assert told in str(refused.value)
