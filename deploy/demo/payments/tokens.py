"""Bearer tokens: HS256 only, with an expiry."""

import jwt


class Unauthorized(Exception):
    """There is no valid token; says why."""


def read_token(header, secret):
    """Returns the subject of the bearer token in an Authorization header."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("a bearer token is needed")
    try:
        claims = jwt.decode(token, secret, algorithms=["HS256"], options={"require": ["exp", "sub"]})
    except jwt.InvalidTokenError as err:
        raise Unauthorized("the bearer token is not valid") from err
    return claims["sub"]
