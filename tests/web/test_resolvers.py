"""Where a request names its tenant: what each strategy reads, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from fastapi_tenancy.errors import TenantRefusedError
from fastapi_tenancy.resolving.header import HeaderResolver
from fastapi_tenancy.resolving.host import HostResolver
from fastapi_tenancy.resolving.key import TenantKey
from fastapi_tenancy.resolving.path import PathResolver
from fastapi_tenancy.resolving.subdomain import SubdomainResolver


def scope(path: str = "/", root: str = "", **headers: str | bytes) -> dict[str, Any]:
    """A request's scope; ``__`` in a header's name stands for a dash."""
    pairs = [
        (name.replace("__", "-").encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in headers.items()
    ]
    return {"type": "http", "path": path, "root_path": root, "headers": pairs}


def twice(name: str, *values: str) -> dict[str, Any]:
    return scope() | {"headers": [(name.encode(), value.encode()) for value in values]}


def identifier(value: str) -> TenantKey:
    return TenantKey("identifier", value)


class TestHeader:
    read = HeaderResolver("X-Tenant-ID")

    def test_it_is_read_whatever_its_letters_are(self) -> None:
        assert self.read(scope(x__tenant__id="acme")) == identifier("acme")
        assert self.read(scope(x__tenant__id="Bücher & Co")) == identifier("Bücher & Co")

    @pytest.mark.parametrize("found", [scope(), scope(x__tenant__id="")])
    def test_without_it_nobody_is_named(self, found: dict[str, Any]) -> None:
        assert self.read(found) is None

    def test_two_are_one_too_many_even_if_they_agree(self) -> None:
        with pytest.raises(TenantRefusedError, match="x-tenant-id came more than once"):
            self.read(twice("x-tenant-id", "acme", "acme"))

    def test_what_is_no_text_is_refused(self) -> None:
        with pytest.raises(TenantRefusedError, match="no UTF-8 text"):
            self.read(scope(x__tenant__id=b"\xff\xfe"))


class TestHost:
    read = HostResolver()

    @pytest.mark.parametrize(
        ("host", "expected"),
        [
            ("acme.example.com", "acme.example.com"),
            ("ACME.Example.COM", "acme.example.com"),
            ("acme.example.com:8000", "acme.example.com"),
            ("acme.example.com.", "acme.example.com"),
            ("acme.example.com:", "acme.example.com"),
            ("acme.example.com.:443", "acme.example.com"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("localhost", "localhost"),
        ],
    )
    def test_it_is_read_as_the_catalogue_has_it(self, host: str, expected: str) -> None:
        assert self.read(scope(host=host)) == TenantKey("host", expected)

    @pytest.mark.parametrize(
        "host",
        [
            "[::1]:8000",
            "acme.example.com:80:90",
            "acme.example.com:x",
            "acme.example.com:²",
            "user@acme.example.com",
            "acme.example.com/path",
            "acme..example.com",
            ".example.com",
            "acme.example.com..",
            "acme example.com",
            "a" * 64 + ".example.com",
            ".".join(["a" * 60] * 5),
            "\u2024.example",
            "acme.example.com\x00",
        ],
    )
    def test_what_is_no_host_is_refused(self, host: str) -> None:
        with pytest.raises(TenantRefusedError):
            self.read(scope(host=host))

    def test_two_hosts_are_refused(self) -> None:
        with pytest.raises(TenantRefusedError, match="host came more than once"):
            self.read(twice("host", "acme.example.com", "bolt.example.com"))

    def test_no_host_names_nobody(self) -> None:
        assert self.read(scope()) is None

    def test_a_forwarded_host_is_not_believed_unless_told(self) -> None:
        found = scope(host="proxy.example", x__forwarded__host="acme.example.com")
        assert self.read(found) == TenantKey("host", "proxy.example")
        believing = HostResolver(forwarded=True)
        assert believing(found) == TenantKey("host", "acme.example.com")
        assert believing(scope(host="proxy.example")) == TenantKey("host", "proxy.example")

    def test_several_forwarded_hosts_are_refused(self) -> None:
        believing = HostResolver(forwarded=True)
        with pytest.raises(TenantRefusedError):
            believing(scope(x__forwarded__host="acme.example.com, bolt.example.com"))
        with pytest.raises(TenantRefusedError):
            believing(twice("x-forwarded-host", "acme.example.com", "bolt.example.com"))


class TestSubdomain:
    read = SubdomainResolver("example.com")

    @pytest.mark.parametrize(
        ("host", "expected"),
        [
            ("acme.example.com", "acme"),
            ("Acme.Example.Com:443", "acme"),
            ("acme-corp.example.com.", "acme-corp"),
            ("xn--bcher-kva.example.com", "bücher"),
        ],
    )
    def test_the_label_before_the_suffix_is_the_identifier(self, host: str, expected: str) -> None:
        assert self.read(scope(host=host)) == identifier(expected)

    def test_the_suffix_itself_names_nobody(self) -> None:
        assert self.read(scope(host="example.com")) is None
        assert self.read(scope()) is None

    @pytest.mark.parametrize(
        "host",
        ["a.b.example.com", "acmeexample.com", "acme.example.org", "example.com.evil.org", "acme"],
    )
    def test_other_hosts_are_refused(self, host: str) -> None:
        with pytest.raises(TenantRefusedError, match=r"not one name before 'example\.com'"):
            self.read(scope(host=host))

    def test_a_label_that_stands_for_no_name_is_refused(self) -> None:
        with pytest.raises(TenantRefusedError):
            self.read(scope(host="xn--a-99999999.example.com"))


class TestPath:
    read = PathResolver("/t")

    @pytest.mark.parametrize(
        ("path", "root", "expected"),
        [
            ("/t/acme/orders", "", "acme"),
            ("/t/acme", "", "acme"),
            ("/t/acme/", "", "acme"),
            ("/api/t/acme/orders", "/api", "acme"),
            ("/t/acme/orders", "/api", "acme"),
            ("/t/bücher und mehr/x", "", "bücher und mehr"),
        ],
    )
    def test_the_part_after_the_prefix_is_the_identifier(
        self, path: str, root: str, expected: str
    ) -> None:
        assert self.read(scope(path, root)) == identifier(expected)

    @pytest.mark.parametrize("path", ["/", "/t", "/t/", "/t//orders", "/tenants/acme", "/x/t/acme"])
    def test_other_paths_name_nobody(self, path: str) -> None:
        assert self.read(scope(path)) is None

    @pytest.mark.parametrize(
        ("path", "root", "inside"),
        [
            ("/t/acme/orders", "", ("/t/acme", "/t/acme/orders")),
            ("/t/acme", "", ("/t/acme", "/t/acme")),
            ("/api/t/acme/orders", "/api", ("/api/t/acme", "/api/t/acme/orders")),
            ("/t/acme/orders", "/api", ("/api/t/acme", "/api/t/acme/orders")),
        ],
    )
    def test_routes_see_the_rest(self, path: str, root: str, inside: tuple[str, str]) -> None:
        found = self.read.inside(scope(path, root))
        assert (found["root_path"], found["path"]) == inside

    def test_the_prefix_may_be_nothing(self) -> None:
        read = PathResolver("")
        assert read(scope("/acme/orders")) == identifier("acme")
        assert read.inside(scope("/acme/orders"))["root_path"] == "/acme"
        assert read(scope("/")) is None
