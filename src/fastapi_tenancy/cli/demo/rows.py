"""The rows tenants come with, what is wrong with those of one, and how that is repaired."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi_tenancy.isolation.names import quote
from fastapi_tenancy.observe.connect import connect

ROWS = """
INSERT INTO customers (full_name, email)
SELECT (ARRAY['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara'])[1 + n % 5] || ' '
       || (ARRAY['Lovelace', 'Hopper', 'Turing', 'van der Berg'])[1 + n % 4],
       'customer' || n || '@example.com'
FROM generate_series(1, 20) n;
INSERT INTO products (sku, title, price_cents)
SELECT 'SKU-' || n, 'Product ' || n, 100 * n FROM generate_series(1, 8) n;
INSERT INTO invoices (customer_id, number, status, issued_on, total_cents)
SELECT 1 + n % 20, '2025-' || lpad(n::text, 4, '0'),
       (ARRAY['paid', 'sent', 'paid', 'draft'])[1 + n % 4]::invoice_status,
       DATE '2025-01-01' + n, 500 * n
FROM generate_series(1, 60) n;
INSERT INTO invoice_lines (invoice_id, product_id, quantity, unit_cents)
SELECT 1 + n % 60, 1 + n % 8, 1 + n % 3, 100 * (1 + n % 8) FROM generate_series(1, 120) n
"""
BREAK = """
INSERT INTO invoices (customer_id, number, status, issued_on, total_cents)
SELECT customer_id, number, 'draft', issued_on, total_cents FROM invoices
WHERE number IN ('2025-0007', '2025-0021') ORDER BY id
"""
"""As if an import had run twice for two invoices."""
REPAIR = """\
UPDATE invoices SET number = number || '-' || id
WHERE EXISTS (SELECT FROM invoices AS older
              WHERE older.number = invoices.number AND older.id < invoices.id)"""


def insert_rows(address: str, schemas: Iterable[str]) -> None:
    """Give every schema, at the revision the tables are made by, the same rows."""
    _in_each(address, schemas, ROWS)


def break_rows(address: str, schema: str) -> None:
    """Put two invoice numbers into a schema twice."""
    _in_each(address, [schema], BREAK)


def repair_rows(address: str, schema: str) -> int:
    """Run ``REPAIR`` in a schema; the number of rows changed."""
    return _in_each(address, [schema], REPAIR)


def _in_each(address: str, schemas: Iterable[str], statements: str) -> int:
    changed = 0
    with connect(address, timeout_s=10) as connection, connection.transaction():
        for schema in schemas:
            text = f"SET LOCAL search_path TO {quote(schema)}, public; {statements}"
            cursor = connection.execute(text.encode())
            while cursor.nextset():
                pass
            changed += cursor.rowcount
    return changed
