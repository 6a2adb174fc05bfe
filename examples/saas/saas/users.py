"""The users of the company whose host the request came to, and what they may do."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from fastapi_tenancy import TenantSessionDep
from saas.tenant_models import Role, User

router = APIRouter(tags=["users"])


class UserIn(BaseModel):
    """Somebody new."""

    email: Annotated[str, Field(pattern=r"\A[^@\s\x00]+@[^@\s\x00]+\z", max_length=256)]
    first_name: Annotated[str, Field(max_length=100, pattern=r"\A[^\x00]*\z")] | None = None
    last_name: Annotated[str, Field(max_length=100, pattern=r"\A[^\x00]*\z")] | None = None
    role: str = "reader"


class UserOut(BaseModel):
    """Somebody, and what they may do."""

    email: str | None
    first_name: str | None
    last_name: str | None
    role: str | None
    may: list[str | None]


@router.get("/users")
async def users(session: TenantSessionDep) -> list[UserOut]:
    """List the users."""
    found: Sequence[User] = (await session.scalars(select(User).order_by(User.id))).all()
    return [_shown(user) for user in found]


@router.post("/users", status_code=201)
async def add(user: UserIn, session: TenantSessionDep) -> UserOut:
    """Add a user with one of the roles that the company has."""
    role = await session.scalar(select(Role).where(Role.role_name == user.role))
    if role is None:
        raise HTTPException(422, f"there is no role {user.role!r}")
    added = User(**user.model_dump(exclude={"role"}), role=role)
    session.add(added)
    try:
        await session.commit()
    except IntegrityError:
        raise HTTPException(409, f"{user.email} is a user already") from None
    return _shown(added)


def _shown(user: User) -> UserOut:
    role = user.role
    return UserOut(
        email=user.email,
        first_name=user.first_name,
        last_name=user.last_name,
        role=role.role_name if role else None,
        may=[permission.name for permission in role.permissions] if role else [],
    )
