"""Encrypted addresses of tenants, as somebody who types commands meets them."""

from __future__ import annotations

from cryptography.fernet import Fernet

from cli_desk import Desk

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
URL = "postgresql://app:hush@db.example.com/acme"


def test_a_key_is_set_and_changed_and_nothing_is_shown(desk: Desk):
    environment = desk.shell.environment
    environment["TENANCY_ISOLATION_STRATEGY"] = "hybrid"
    place = ("--isolation-strategy", "database", "--tenant-database-url")
    assert desk.run("tenants", "add", "acme", "--id", "1", *place, URL).code == 0
    refused = desk.run("tenants", "reencrypt")
    assert refused.code == 2
    assert "encryption_keys is not set" in refused.err

    environment["TENANCY_ENCRYPTION_KEYS"] = OLD
    done = desk.run("tenants", "reencrypt")
    assert (done.code, done.out) == (
        0,
        "the database_url of 1 tenant encrypted with the first key\n",
    )
    assert (
        desk.run("tenants", "add", "bolt", "--id", "2", *place, URL.replace("acme", "bolt")).code
        == 0
    )
    assert "hush" not in str(desk.sql("SELECT * FROM tenants"))
    assert desk.json("tenants", "show", "bolt")["target"] == "db.example.com:5432/bolt"

    environment["TENANCY_ENCRYPTION_KEYS"] = f"{NEW},{OLD}"
    assert desk.json("tenants", "reencrypt") == {"rewritten": 2, "current": 0, "sealed": []}
    assert (
        "of 2 tenants was encrypted with the first key already"
        in desk.run("tenants", "reencrypt").out
    )

    environment["TENANCY_ENCRYPTION_KEYS"] = OLD
    sealed = desk.run("tenants", "reencrypt")
    assert sealed.code == 1
    assert "none of the keys opens the database_url of acme, bolt: add the key" in sealed.out
    shown = desk.run("tenants", "show", "acme")
    assert shown.code == 0
    assert "(encrypted)" in shown.out
    assert "database_url of tenant 'acme' is encrypted, and none of the encryption" in shown.err
    assert "fernet:" not in shown.out + shown.err


def test_a_tenant_without_its_key_fails_alone_and_by_name(desk: Desk):
    desk.add("bolt", "crux")
    desk.shell.environment["TENANCY_ISOLATION_STRATEGY"] = "hybrid"
    desk.shell.environment["TENANCY_ENCRYPTION_KEYS"] = OLD
    place = ("--isolation-strategy", "database", "--tenant-database-url", URL)
    assert desk.run("tenants", "add", "acme", *place).code == 0
    del desk.shell.environment["TENANCY_ENCRYPTION_KEYS"]
    done = desk.run("upgrade")
    assert done.code == 1
    assert "the database_url of tenant 'acme' is encrypted, and encryption_keys is not set" in (
        done.out + done.err
    )
    assert desk.stands() == {"bolt": "0003", "crux": "0003"}


def test_what_others_keep_is_not_encrypted(desk: Desk):
    desk.shell.environment["TENANCY_SCHEMA_PATTERN"] = "tenant_%"
    done = desk.run("tenants", "reencrypt")
    assert done.code == 2
    assert "what is stored there is not for tenancy to encrypt" in done.err
