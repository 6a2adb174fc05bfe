"""Tokens: only one that is signed as agreed, for us and still good names a tenant."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError, NoTenantNamedError, TenantRefusedError
from fastapi_tenancy.resolving.choose import resolver_of
from fastapi_tenancy.resolving.key import TenantKey
from fastapi_tenancy.resolving.token import TokenResolver

SECRET = "a secret of exactly 32 bytes ..."
OTHER = "another secret of 32 bytes......"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ACME = TenantKey("identifier", "acme")


def public(key: Any) -> str:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, kind).decode()


def resolver(**values: Any) -> TokenResolver:
    usual: dict[str, Any] = {"key": SECRET, "algorithm": "HS256", "audience": "shop"}
    return TokenResolver(**{**usual, "claim": "tenant", **values})


def claims(**values: Any) -> dict[str, Any]:
    usual = {"tenant": "acme", "aud": "shop", "exp": int(time.time()) + 60}
    return {k: v for k, v in {**usual, **values}.items() if v is not None}


def request(token: str, scheme: str = "Bearer") -> dict[str, Any]:
    return {"type": "http", "headers": [(b"authorization", f"{scheme} {token}".encode())]}


def signed(key: Any = SECRET, algorithm: str = "HS256", **values: Any) -> dict[str, Any]:
    return request(jwt.encode(claims(**values), key, algorithm))


def unsigned(header: dict[str, Any], body: dict[str, Any]) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in (header, body))
    return ".".join([*(part.rstrip(b"=").decode() for part in parts), ""])


def test_a_good_token_names_its_tenant() -> None:
    assert resolver()(signed()) == ACME
    assert resolver()(request(jwt.encode(claims(), SECRET), "bearer")) == ACME
    assert resolver(claim="org")(signed(org="acme", tenant="bolt")) == ACME
    assert resolver(issuer="login")(signed(iss="login")) == ACME
    assert resolver()(signed(aud=["other", "shop"])) == ACME
    assert resolver(leeway_s=30)(signed(exp=int(time.time()) - 5)) == ACME


def test_keys_of_the_other_kinds_work() -> None:
    assert resolver(key=public(RSA), algorithm="RS256")(signed(RSA, "RS256")) == ACME
    assert resolver(key=public(RSA), algorithm="PS512")(signed(RSA, "PS512")) == ACME
    curve = ec.generate_private_key(ec.SECP256R1())
    assert resolver(key=public(curve), algorithm="ES256")(signed(curve, "ES256")) == ACME


def test_a_good_token_without_a_tenant_names_nobody() -> None:
    assert resolver()(signed(tenant=None)) is None


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(signed(exp=int(time.time()) - 5), id="expired"),
        pytest.param(signed(exp=None), id="no end"),
        pytest.param(signed(nbf=int(time.time()) + 60), id="not yet"),
        pytest.param(signed(aud="other"), id="for others"),
        pytest.param(signed(aud=None), id="for nobody"),
        pytest.param(signed(OTHER), id="another key"),
        pytest.param(signed(SECRET * 2, "HS512"), id="another algorithm"),
        pytest.param(signed(RSA, "RS256"), id="another kind of key"),
        pytest.param(request(unsigned({"alg": "none"}, claims())), id="none"),
        pytest.param(request(unsigned({"alg": "HS256"}, claims())), id="no signature"),
        pytest.param(request("acme"), id="no token"),
        pytest.param(request("a.b.c"), id="no base64"),
        pytest.param(request(jwt.encode(claims(), SECRET)[:-2]), id="cut"),
    ],
)
def test_what_is_wrong_with_it_is_refused_with_a_challenge(bad: dict[str, Any]) -> None:
    with pytest.raises(TenantRefusedError) as caught:
        resolver()(bad)
    assert caught.value.challenge == 'Bearer error="invalid_token"'
    token = bad["headers"][0][1].decode().split()[-1]
    assert token not in str(caught.value) or len(token) < 6


@pytest.mark.parametrize("header", [None, "Basic abc", "Bearer", "Bearer "])
def test_no_bearer_token_is_a_challenge(header: str | None) -> None:
    headers = [] if header is None else [(b"authorization", header.encode())]
    with pytest.raises(NoTenantNamedError) as caught:
        resolver()({"type": "http", "headers": headers})
    assert caught.value.challenge == "Bearer"


def test_a_public_key_is_no_secret() -> None:
    """The old attack: a token that is signed with the public key as if it were a secret."""
    pem = public(RSA)
    forged = unsigned({"alg": "HS256"}, claims())
    mac = hmac.new(pem.encode(), forged.rstrip(".").encode(), hashlib.sha256).digest()
    forged += base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    with pytest.raises(TenantRefusedError):
        resolver(key=pem, algorithm="RS256")(request(forged))
    with pytest.raises(ConfigurationError, match="no key for HS256"):
        resolver(key=pem)


@pytest.mark.parametrize("issuer", [None, "somebody"])
def test_another_issuer_is_refused(issuer: str | None) -> None:
    with pytest.raises(TenantRefusedError):
        resolver(issuer="login")(signed(iss=issuer))


@pytest.mark.parametrize("value", [7, True, ["acme"], {"id": "acme"}])
def test_a_claim_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(TenantRefusedError, match="the claim tenant of the token is no text"):
        resolver()(signed(tenant=value))


@given(st.text(st.characters(max_codepoint=255), max_size=200))
def test_nothing_that_is_sent_is_more_than_refused(text: str) -> None:
    scope = {"type": "http", "headers": [(b"authorization", b"Bearer x" + text.encode("latin-1"))]}
    with pytest.raises(TenantRefusedError):
        resolver()(scope)


@given(
    st.dictionaries(
        st.sampled_from(["alg", "typ", "crit", "b64", "kid"]),
        st.from_type(type(None)) | st.integers() | st.text() | st.lists(st.text()),
    ),
    st.recursive(
        st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    ),
)
def test_no_made_up_token_is_more_than_refused(header: Any, body: Any) -> None:
    with pytest.raises(TenantRefusedError):
        resolver()(request(unsigned(header, body) + "AAAA"))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"key": "geheim"}, "has 6 bytes; HS256 needs a secret of at least 32"),
        ({"key": "geheim", "algorithm": "RS256"}, "no key for RS256; expected a public key in PEM"),
        ({"key": "geheim", "algorithm": "EdDSA"}, "no key for EdDSA"),
        ({"key": SECRET, "algorithm": "HS512"}, "at least 64"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_and_not_shown(values: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolver(**values)
    assert told in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA, "RS256"),
        (RSA, "PS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
)
def test_a_private_key_is_refused_and_not_shown(key: Any, algorithm: str) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    with pytest.raises(ConfigurationError, match="a private key; expected a public key") as caught:
        resolver(key=pem, algorithm=algorithm)
    assert "BEGIN" not in str(caught.value)


def test_no_token_writes_lines_of_its_own_into_the_log() -> None:
    header = {"alg": "HS256", "crit": ["x\nCRITICAL forged"]}
    with pytest.raises(TenantRefusedError) as refused:
        resolver()(request(unsigned(header, claims()) + "AAAA"))
    assert str(refused.value).isprintable()


def test_a_short_rsa_key_is_refused() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(ConfigurationError, match="an RSA key of 1024 bits"):
        resolver(key=public(weak), algorithm="RS256")


def test_the_key_may_be_in_a_variable_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    config = TenancyConfig(
        resolution_strategy="jwt",
        jwt_key="env:SHOP_KEY",
        jwt_algorithm="HS256",
        jwt_audience="shop",
    )
    with pytest.raises(ConfigurationError, match="SHOP_KEY, which is not set"):
        resolver_of(config)
    monkeypatch.setenv("SHOP_KEY", SECRET)
    assert resolver_of(config)(signed()) == ACME
