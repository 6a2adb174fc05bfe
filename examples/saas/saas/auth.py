"""Who may manage tenants: whoever has the token of SAAS_ADMIN_TOKEN."""

import os
import secrets
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

bearer = HTTPBearer(auto_error=False, description="The token in SAAS_ADMIN_TOKEN.")


def admin(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
    """Refuse everybody else.

    Raises:
        HTTPException: 401 without the token, or with another one.
    """
    token = os.environ["SAAS_ADMIN_TOKEN"].encode()
    if given is None or not secrets.compare_digest(given.credentials.encode(), token):
        raise HTTPException(401, "a token is needed", {"WWW-Authenticate": "Bearer"})
