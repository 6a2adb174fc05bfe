"""`tenancy check` and `tenancy doctor`: what the role that asks may do, and what it may not."""

from __future__ import annotations

import pytest

from cli_desk import Desk
from shared_tables import role_of


def found(desk: Desk, command: str, code: int = 1) -> list[tuple[str, str]]:
    """What is found, and what to do, but for what is well."""
    document = desk.json(command, code=code)
    return [(f["found"], f["do"] or "") for f in document["findings"] if f.get("weight") != "fine"]


def only(desk: Desk, command: str, code: int = 1) -> tuple[str, str]:
    """The only finding about the role."""
    ours = [f for f in found(desk, command, code) if "the role" in f[0]]
    assert len(ours) == 1, ours
    return ours[0]


BOTH = pytest.mark.parametrize("command", ["check", "doctor"])


@BOTH
def test_rights_as_they_should_be(shared: Desk, command: str):
    assert not [f for f, _ in found(shared, command, code=0) if "role" in f]
    if command == "doctor":
        well = [f["check"] for f in shared.json("doctor")["findings"] if f["weight"] == "fine"]
        assert "row-level security" in well


@BOTH
def test_a_table_of_a_newer_revision(shared: Desk, command: str):
    role = role_of(shared)
    shared.revision(
        "0006",
        "0005",
        "bills",
        """
op.create_table(
    "Bills", sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("tenant_id", sa.Uuid),
)
op.enable_tenant_rls("Bills")
""",
    )
    env = shared.folder / "migrations" / "env.py"
    env.write_text(
        env.read_text().replace(
            "url = context",
            """sa.Table("Bills", metadata, sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("tenant_id", sa.Uuid))
url = context""",
        )
    )
    assert shared.run("upgrade").code == 0
    told, do = only(shared, command)
    assert f"the role {role} has no right to SELECT, INSERT, UPDATE and DELETE" in told
    grant, _, later = do.partition("; for tables of later revisions, too: ")
    assert grant == f'GRANT SELECT, INSERT, UPDATE, DELETE ON "Bills" TO "{role}"'
    assert later.startswith("ALTER DEFAULT PRIVILEGES FOR ROLE")
    shared.sql(f"{grant}; {later}; CREATE TABLE later AS SELECT 1")
    assert shared.run(command).code == 0
    assert shared.sql(f"SELECT has_table_privilege('{role}', 'later', 'DELETE')") == [(True,)]
    shared.sql(f'REVOKE DELETE ON "Bills" FROM {role}; GRANT UPDATE (id) ON "Bills" TO {role}')
    told, _ = only(shared, command, code=0)  # a note: it may be meant so
    assert told.endswith("has no right to DELETE")


@BOTH
def test_a_schema_and_a_sequence_that_are_closed(shared: Desk, command: str):
    role = role_of(shared)
    shared.sql(f"REVOKE USAGE ON SEQUENCE orders_id_seq FROM {role}")
    told, do = only(shared, command)
    assert "no right to the sequence orders_id_seq, which INSERT takes numbers from" in told
    shared.sql(do)
    shared.sql("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
    told, do = only(shared, command)
    assert f"the role {role} may not use its schema public" in told
    shared.sql(do)
    assert shared.run(command).code == 0


@BOTH
def test_the_list_of_tenants_can_be_written(shared: Desk, command: str):
    role = role_of(shared)
    shared.sql(f"GRANT SELECT ON tenants TO {role}")
    assert not [f for f, _ in found(shared, command, code=0) if "the role" in f]
    shared.sql(f"GRANT UPDATE (status) ON tenants TO {role}; GRANT TRUNCATE ON tenants TO PUBLIC")
    told, do = only(shared, command)
    assert "may write the list of tenants (UPDATE, TRUNCATE)" in told
    assert do.startswith("REVOKE UPDATE, TRUNCATE ON tenants FROM")
    assert "PUBLIC" in do
    shared.sql(do)
    assert not [f for f, _ in found(shared, command, code=0) if "the role" in f]
    user = shared.sql("SELECT current_user")[0][0]
    shared.sql(f"ALTER TABLE tenants OWNER TO {role}")
    assert "ALTER TABLE tenants OWNER TO ..." in only(shared, command)[1]
    shared.sql(f"ALTER TABLE tenants OWNER TO {user}; GRANT ALL ON tenants TO {role}")
    shared.shell.environment["TENANCY_CATALOGUE_URL"] = f"sqlite:///{shared.folder}/list.db"
    assert shared.run("tenants", "add", "acme").code == 0
    assert not [f for f, _ in found(shared, command, code=0) if "the role" in f]


@pytest.mark.parametrize("above", ["SUPERUSER", "BYPASSRLS"])
def test_doctor_sees_a_role_above_the_policies(shared: Desk, above: str):
    role = role_of(shared)
    shared.sql(f"ALTER ROLE {role} {above}")
    told, do = only(shared, "doctor")
    assert told.endswith(
        f"the role {role} {'is a superuser' if above == 'SUPERUSER' else 'has BYPASSRLS'}: no policy holds for it"
    )
    assert "rls_role" in do


def test_doctor_sees_an_owner_without_force(shared: Desk):
    role = role_of(shared)
    shared.sql(
        f"ALTER TABLE orders NO FORCE ROW LEVEL SECURITY; ALTER TABLE orders OWNER TO {role}"
    )
    told, do = only(shared, "doctor")
    assert "orders" in told
    assert f"has the rights of its owner {role}, for whom its policies do not hold" in told
    shared.sql(do.partition(", or")[0])
    assert shared.run("doctor").code == 0


def test_doctor_tries_the_required_revision(shared: Desk):
    toml = shared.folder / "tenancy.toml"
    before = toml.read_text()
    toml.write_text('required_revision = "0004.."\n' + before)
    fine = [
        f["found"] for f in shared.json("doctor")["findings"] if f["check"] == "required_revision"
    ]
    assert fine == ["0004..: the scripts have it"]
    toml.write_text('required_revision = "00f4.."\n' + before)
    ((told, do),) = [f for f in found(shared, "doctor") if "00f4" in f[0]]
    assert told.startswith("00f4..: no revision '00f4'")
    assert "an application with this setting does not start" in do
    toml.write_text('required_revision = "0004..0002"\n' + before)
    assert any("its end does not come after its beginning" in f for f, _ in found(shared, "doctor"))


def test_doctor_asks_no_file_about_policies(shared: Desk):
    shared.shell.environment["TENANCY_DATABASE_URL"] = f"sqlite:///{shared.folder}/files.db"
    checks = {f["check"] for f in shared.json("doctor", code=1)["findings"]}
    assert "row-level security" not in checks
