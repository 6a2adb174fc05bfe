"""What all companies share: who they are, and who may sign in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, ForeignKey, MetaData, String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NOW = text("timezone('utc', now())")


class SharedBase(DeclarativeBase):
    """Tables of the schema ``shared``; the track ``shared`` makes them."""

    metadata = MetaData(schema="shared")


class Company(SharedBase):
    """A customer; ``identifier`` is that of its tenant."""

    __tablename__ = "companies"

    id: Mapped[int] = mapped_column(primary_key=True)
    identifier: Mapped[str] = mapped_column(String(63), unique=True)
    name: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)


class SharedUser(SharedBase):
    """Somebody who can sign in, and the company they belong to."""

    __tablename__ = "shared_users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(256), unique=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey(Company.id, ondelete="CASCADE"))
    is_active: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)
    updated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
