"""How a session that sees one tenant finds its tables."""

from __future__ import annotations

from enum import StrEnum


class SchemaAccess(StrEnum):
    """How the schema of a tenant gets into the statements of its sessions."""

    SEARCH_PATH = "search_path"
    SCHEMA_TRANSLATE_MAP = "schema_translate_map"


class TenantField(StrEnum):
    """What of a tenant the policies of shared tables compare with."""

    ID = "id"
    IDENTIFIER = "identifier"
