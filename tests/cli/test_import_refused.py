"""A list that cannot be imported: every problem is told with its place, and nobody is saved."""

from __future__ import annotations

import json

import pytest

from cli_desk import Desk

HEAD = "identifier,name,status\n"
EVERYBODY = "SELECT * FROM tenants ORDER BY id"


def refusal(desk: Desk, name: str, content: str | bytes, *more: str) -> str:
    """Import a file that is refused; what is said on stderr."""
    data = content.encode() if isinstance(content, str) else content
    (desk.folder / name).write_bytes(data)
    before = desk.sql(EVERYBODY)
    done = desk.run("tenants", "import", name, *more)
    assert (done.code, done.out) == (2, ""), done
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err
    assert desk.sql(EVERYBODY) == before
    return done.err


@pytest.fixture
def acme(desk: Desk) -> Desk:
    """A list with one tenant."""
    desk.add("acme", schemas=False)
    return desk


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "t.csv is empty; expected a first line with the names of the columns"),
        ("\n \n", "t.csv is empty"),
        ("identifier;name\nacme;Acme\n", "line 1: columns are separated by semicolons; expected"),
        ("identifier\tname\nacme\tAcme\n", "line 1: columns are separated by tabs; expected"),
        ("name\nAcme\n", "line 1: there is no column 'identifier' among name"),
        ("identifier,Schema Name\na,b\n", "'Schema Name' is not known; did you mean schema_name?"),
        ("identifier,Identifer\na,b\n", "'Identifer' is not known; did you mean identifier?"),
        ("identifier,zzz\na,b\n", "'zzz' is not known; known are identifier, id, name"),
        ("identifier,tag.\na,b\n", "the column 'tag.' is not known"),
        ("identifier,name,name\na,b,c\n", "line 1: there are two columns 'name'; remove one"),
        ("\nidentifier,name\na,b,c\n", "line 3: 3 cells, but line 2 names 2 columns; text with a"),
        ('identifier\n"a\nb', "line 2: not valid CSV: unexpected end of data"),
        (b"identifier,name\nx,y\ncaf\xe9,z\n", "t.csv, line 3: the byte 0xe9 is not UTF-8; save"),
        ("identifier\na\n".encode("utf-16"), "line 1: the byte 0xff is not UTF-8"),
        (HEAD + "x,y,active\n,y,active\n", "line 3: there is no identifier; every tenant needs"),
        (HEAD + "x,y,asleep\n", "line 2: status is 'asleep'; expected one of provisioning, active"),
        (HEAD + "x\x07,y,active\n", "line 2: the identifier 'x\\x07' holds the character U+0007"),
        (HEAD + "x,y\0,active\n", "line 2: name holds the character U+0000, which no database"),
        (HEAD + f"{'x' * 300},,\n", "has 300 characters; at most 255 are taken"),
        (HEAD + 'x,"two\nlines",\ny,,asleep\n', "line 4: status is 'asleep'"),
        ("identifier,schema_name\nx,public\n", "line 2: the schema 'public' is shared by everybody"),
        (f"identifier,schema_name\nx,{'s' * 64}\n", "line 2: the name"),
        ("identifier,database_url\nx,mysql://h/d\n", "line 2: 'mysql://h/d' names a database of"),
        ("identifier,database_url\nx,me:hush@h\n", "line 2: '***@h' is not a database URL"),
        ("identifier,isolation_strategy\nx,table\n", "isolation_strategy is 'table'; expected one"),
        ("identifier,host\nx,a.example:80\n", "line 2: the host 'a.example:80' is not one a request"),
        ("identifier,host\nx,a.example\ny,A.example\n", "line 3: the host 'a.example' is that of"),
        ("identifier,created_at\nx,yesterday\n", "line 2: created_at is 'yesterday'; expected a"),
        ("identifier,tags\nx,gold\n", "line 2: tags are 'gold', and 'gold' is not of the form KEY="),
        ('identifier,tags\nx,"{""a"": [1]}"\n', "line 2: tags are '{\"a\": [1]}'; expected a JSON"),
    ],
)  # fmt: skip
def test_a_csv_file_that_is_wrong(acme: Desk, content: str | bytes, told: str):
    said = refusal(acme, "t.csv", content)
    assert told in said
    assert "hush" not in said


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "line 1: not valid JSON: Expecting value"),
        ('[\n{"identifier": "x"},\n', "t.json, line 3: not valid JSON"),
        ("{}", "t.json is not a list of tenants; expected objects in square brackets"),
        ('{"identifier": "x"}', "t.json is not a list of tenants"),
        ('[{"identifier": "x"}, "y"]', "index 1: not an object; expected one such as"),
        ('[{"identifer": "x"}]', "the key 'identifer' is not known; did you mean identifier?"),
        ('[{"identifier": null}]', "index 0: there is no identifier"),
        ('[{"identifier": ["x"]}]', "index 0: identifier is '[\"x\"]'; expected text"),
        ('[{"identifier": "x", "name": true}]', "index 0: name is 'true'; expected text"),
        ('[{"identifier": "x", "name": "\\ud800"}]', "name holds the character U+D800"),
        ('[{"identifier": "x", "tags": ["a"]}]', "tags are '[\"a\"]'; expected a JSON object"),
        ('[{"identifier": "x", "tag.a": {}}]', "tag.a is '{}'; expected text, a number or true"),
        ("[" * 100_000, "t.json is not valid JSON"),
    ],
)
def test_a_json_file_that_is_wrong(acme: Desk, content: str, told: str):
    assert told in refusal(acme, "t.json", content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("identifier\nx\ny\nx\n", "line 4: the identifier 'x' is that of line 2 too; remove one"),
        ("identifier,id\nx,1\ny,1\n", "line 3: the id '1' is that of tenant 'x' (active)"),
        ("identifier,id\nx,id-acme\n", "the id 'id-acme' is that of tenant 'acme' (active)"),
        ("identifier,id\nx,acme\n", "the id 'acme' is the identifier of tenant 'acme'"),
        ("identifier\nid-acme\n", "the identifier 'id-acme' is the id of tenant 'acme'"),
        ("identifier\na-b\na_b\n", "line 3: tenant 'a_b' would live in the schema 'tenant_a_b',"
            " which is that of tenant 'a-b' (active); give it one of its own with schema_name"),
        ("identifier,schema_name\nx,tenant_acme\n", "line 2: tenant 'x' would live in the schema"
            " 'tenant_acme', which is that of tenant 'acme' (active)"),
        ("identifier,schema_name\nx,same\ny,same\n", "which is that of tenant 'x' (active)"),
    ],
)  # fmt: skip
def test_names_and_places_belong_to_one_tenant(acme: Desk, content: str, told: str):
    assert told in refusal(acme, "t.csv", content)


def test_an_update_may_not_move_into_another_ones_place(acme: Desk):
    acme.add("bolt", schemas=False)
    said = refusal(acme, "t.csv", "identifier,schema_name\nacme,tenant_bolt\n", "--update")
    assert "line 2: tenant 'acme' would live in the schema 'tenant_bolt', which is that" in said
    said = refusal(acme, "t.csv", "identifier,id\nacme,other\n", "--update")
    assert "line 2: the id of tenant 'acme' is 'id-acme' in the catalogue and 'other' here" in said


def test_a_schema_of_a_deleted_tenant_is_taken(acme: Desk):
    acme.run("tenants", "remove", "acme", "--yes")
    said = refusal(acme, "t.csv", "identifier,schema_name\nx,tenant_acme\n")
    assert "which is that of tenant 'acme' (deleted)" in said


def test_all_problems_are_told_at_once_and_nobody_is_saved(acme: Desk):
    rows = "".join(f"fine{n},,active\nbad{n},,asleep\n" for n in range(30))
    said = refusal(acme, "t.csv", HEAD + rows + "acme,,\n")
    lines = said.splitlines()
    assert lines[0] == "error: t.csv: 31 problems; nothing was changed"
    assert len(lines) == 22
    assert lines[1].startswith("  line 3: status is 'asleep'")
    assert lines[-1] == "  and 11 more"


def test_a_refusal_is_a_document_too(acme: Desk):
    (acme.folder / "t.csv").write_text(HEAD + "x,,asleep\n")
    document = acme.json("tenants", "import", "t.csv", code=2)
    assert list(document) == ["error"]
    assert "line 2: status is 'asleep'" in document["error"]


def test_a_file_that_is_not_there(acme: Desk):
    for name, told in (
        ("nowhere.csv", "nowhere.csv cannot be read: No such file"),
        ("migrations", "migrations does not end with .csv or .json"),
        ("tenants.xlsx", "tenants.xlsx does not end with .csv or .json"),
    ):
        done = acme.run("tenants", "import", name)
        assert done.code == 2
        assert told in done.err
    assert acme.run("tenants", "import", "migrations", "--format", "csv").code == 2
    assert "Missing argument 'file'" in acme.run("tenants", "import").err


def test_a_list_of_nobody_is_nothing_to_do(acme: Desk):
    for name, content in (("t.csv", HEAD), ("t.json", "[]")):
        (acme.folder / name).write_text(content)
        done = acme.run("tenants", "import", name)
        assert done.code == 0
        assert done.out == "the file names no tenants; there is nothing to do\n"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TENANCY_TENANTS_QUERY", "SELECT 'x' AS identifier"),
        ("TENANCY_SCHEMA_PATTERN", "tenant_%"),
    ],
)
def test_a_list_that_is_somebody_elses(acme: Desk, variable: str, value: str):
    acme.shell.environment[variable] = value
    setting = variable.removeprefix("TENANCY_").lower()
    told = f"tenants cannot be imported: the tenants are read from {setting}"
    for content in (json.dumps([{"identifier": "y"}]), "not even JSON"):
        assert told in refusal(acme, "t.json", content)
        assert told in refusal(acme, "t.json", content, "--dry-run")
