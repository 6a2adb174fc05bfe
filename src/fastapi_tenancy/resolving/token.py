"""The tenant's identifier in a claim of a JSON Web Token."""

from __future__ import annotations

from typing import Any

from fastapi_tenancy.errors import (
    ConfigurationError,
    MissingExtraError,
    NoTenantNamedError,
    TenantRefusedError,
)
from fastapi_tenancy.resolving.headers import the_header
from fastapi_tenancy.resolving.key import Scope, TenantKey

try:
    import jwt
except ModuleNotFoundError as missing:
    raise MissingExtraError("jwt", missing) from missing

_SHORTEST_RSA = 2048
"""Bits of an RSA key (RFC 7518, section 3.3)."""


class TokenResolver:
    """Reads the identifier from the bearer token of a request, once the token is proven.

    A token has to be signed by ``algorithm``, be for ``audience``, and have a time at which it
    ends.

    Args:
        key: the secret of an HS algorithm, or the public key of another, as PEM.
        issuer: who has to have issued it, where that matters.
        claim: holds the identifier.
        leeway_s: seconds that clocks may differ.

    Raises:
        ConfigurationError: the key is none for that algorithm; never shows it.
    """

    def __init__(
        self,
        *,
        key: str,
        algorithm: str,
        audience: str,
        claim: str,
        issuer: str | None = None,
        leeway_s: float = 0,
    ) -> None:
        self._key = _prepared(key, algorithm)
        self._claim = claim
        self._expected: dict[str, Any] = {
            "algorithms": [algorithm],
            "audience": audience,
            "issuer": issuer,
            "leeway": leeway_s,
            "options": {"require": ["exp"]},
        }

    def __call__(self, scope: Scope) -> TenantKey | None:
        """The identifier, or None where a good token names no tenant.

        Raises:
            NoTenantNamedError: there is no bearer token.
            TenantRefusedError: the token is not to be believed, or its claim is no text.
        """
        claims = self._proven(_bearer(scope))
        value = claims.get(self._claim)
        if value is None:
            return None
        if not isinstance(value, str):
            raise TenantRefusedError(f"the claim {self._claim} of the token is no text")
        return TenantKey("identifier", value)

    def _proven(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(token, self._key, **self._expected)
        except jwt.PyJWTError as error:
            raise TenantRefusedError(
                # In quotes, because it may hold parts of a token that nobody has signed.
                f"the token is refused: {str(error)!r}",
                challenge='Bearer error="invalid_token"',
            ) from None


def _bearer(scope: Scope) -> str:
    scheme, _, token = (the_header(scope, b"authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NoTenantNamedError("the request has no bearer token", challenge="Bearer")
    return token.strip()


def _prepared(key: str, algorithm: str) -> Any:
    known = jwt.PyJWS().get_algorithm_by_name(algorithm)
    try:
        prepared = known.prepare_key(key)
    except (jwt.PyJWTError, ValueError, TypeError):
        # `from None`: the error of the library may hold the key.
        raise ConfigurationError(
            f"jwt_key is no key for {algorithm}; expected {_wanted(algorithm)}"
        ) from None
    if not (isinstance(prepared, bytes) or hasattr(prepared, "verify")):
        raise ConfigurationError(
            f"jwt_key is a private key; expected {_wanted(algorithm)}. An application that looks at"
            " tokens needs none that could sign them"
        )
    if isinstance(prepared, bytes) and len(prepared) < _shortest(algorithm):
        raise ConfigurationError(
            f"jwt_key has {len(prepared)} bytes; {algorithm} needs {_wanted(algorithm)}"
        )
    if algorithm[:2] in ("RS", "PS") and prepared.key_size < _SHORTEST_RSA:
        raise ConfigurationError(
            f"jwt_key is an RSA key of {prepared.key_size} bits; {algorithm} needs {_SHORTEST_RSA}"
        )
    return prepared


def _wanted(algorithm: str) -> str:
    if algorithm.startswith("HS"):
        return f"a secret of at least {_shortest(algorithm)} bytes"
    return "a public key in PEM format"


def _shortest(algorithm: str) -> int:
    """Bytes of an HMAC key: as many as its hash has (RFC 7518, section 3.2)."""
    return int(algorithm[2:]) // 8
