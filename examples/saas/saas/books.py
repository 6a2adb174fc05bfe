"""The books of the company whose host the request came to."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from fastapi_tenancy import TenantSessionDep
from saas.tenant_models import Book

router = APIRouter(prefix="/books", tags=["books"])


class BookIn(BaseModel):
    """A book to be put on the shelf."""

    title: Annotated[str, Field(min_length=1, max_length=256, pattern=r"\A[^\x00]*\z")]
    author: Annotated[str, Field(max_length=256, pattern=r"\A[^\x00]*\z")] | None = None


class BookOut(BookIn):
    """A book on the shelf."""

    model_config = ConfigDict(from_attributes=True)

    id: int


@router.get("", response_model=list[BookOut])
async def shelf(
    session: TenantSessionDep, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Sequence[Book]:
    """List the books, the newest last."""
    return (await session.scalars(select(Book).order_by(Book.id).limit(limit))).all()


@router.post("", response_model=BookOut, status_code=201)
async def add(book: BookIn, session: TenantSessionDep) -> Book:
    """Put a book on the shelf."""
    added = Book(**book.model_dump())
    session.add(added)
    await session.commit()
    return added


@router.delete("/{book_id}", status_code=204)
async def remove(book_id: int, session: TenantSessionDep) -> None:
    """Take a book off the shelf."""
    book = await session.get(Book, book_id) if book_id < 2**31 else None
    if book is None:
        raise HTTPException(404, "there is no such book")
    await session.delete(book)
    await session.commit()
