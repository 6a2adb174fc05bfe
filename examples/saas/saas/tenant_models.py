"""What each company has of its own; no table names a schema, so the session decides whose it is."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Column, DateTime, ForeignKey, String, Table, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class TenantBase(DeclarativeBase):
    """Tables of every tenant; the track ``tenants`` makes them."""


roles_permissions_link = Table(
    "roles_permissions_link",
    TenantBase.metadata,
    Column("role_id", ForeignKey("roles.id"), primary_key=True),
    Column("permission_id", ForeignKey("permissions.id"), primary_key=True),
)


class Permission(TenantBase):
    """Something that a role may do."""

    __tablename__ = "permissions"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID | None] = mapped_column(unique=True, default=uuid4)
    account_id: Mapped[int | None]
    name: Mapped[str | None] = mapped_column(String(100))
    title: Mapped[str | None] = mapped_column(String(100))
    description: Mapped[str | None] = mapped_column(String(100))


class Role(TenantBase):
    """What users are to the company."""

    __tablename__ = "roles"

    id: Mapped[int] = mapped_column(primary_key=True)
    role_name: Mapped[str | None] = mapped_column(String(100))
    role_description: Mapped[str | None] = mapped_column(String(100))
    permissions: Mapped[list[Permission]] = relationship(
        secondary=roles_permissions_link, order_by=Permission.name, lazy="selectin"
    )


class User(TenantBase):
    """Somebody of the company."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(String(256), unique=True)
    first_name: Mapped[str | None] = mapped_column(String(100))
    last_name: Mapped[str | None] = mapped_column(String(100))
    user_role_id: Mapped[int | None] = mapped_column(ForeignKey("roles.id"))
    created_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=func.now())
    updated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    role: Mapped[Role | None] = relationship(lazy="joined")


class Book(TenantBase):
    """A book on the company's shelf."""

    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(256), index=True)
    author: Mapped[str | None] = mapped_column(String(256))
