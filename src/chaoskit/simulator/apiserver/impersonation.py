"""Whose rights count when a request asks to be answered as to somebody else (``kubectl --as``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chaoskit.simulator.apiserver import apierrors
from chaoskit.simulator.apiserver.rbac import Attributes, User
from chaoskit.simulator.apiserver.reviews import account_groups

_ACCOUNT = "system:serviceaccount:"


def wanted(headers: Mapping[str, str], groups: Sequence[str]) -> tuple[User, list[Attributes]] | None:
    """Whom the request wants to be, and what its sender must be allowed for that; None for nobody else.

    `groups` are the values of all its ``Impersonate-Group`` headers. 500 for groups without a user.
    """
    name = headers.get("Impersonate-User") or ""
    if not name:
        if groups:
            raise apierrors.internal(f"requested {list(groups)} without impersonating a user")
        return None
    needed, own = [Attributes("impersonate", resource="users", name=name)], list(groups)
    if name.startswith(_ACCOUNT):
        namespace, _, account = name.removeprefix(_ACCOUNT).partition(":")
        needed = [Attributes("impersonate", resource="serviceaccounts", namespace=namespace, name=account)]
        own = own or account_groups(namespace)
    needed += [Attributes("impersonate", resource="groups", name=group) for group in groups]
    if name != "system:anonymous" and "system:authenticated" not in own:
        own.append("system:authenticated")
    return User(name, tuple(own)), needed
