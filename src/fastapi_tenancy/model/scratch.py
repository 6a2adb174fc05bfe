"""The names of scratch places, which are made for a moment and are nobody's."""

from __future__ import annotations

PREFIX = "tenancy_scratch_"
"""What no tenant's schema or database is named like."""
