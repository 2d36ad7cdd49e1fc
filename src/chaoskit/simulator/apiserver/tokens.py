"""Service account tokens: signed, so that none needs to be remembered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a token speaks for, and until when (simulated Unix seconds)."""

    namespace: str
    name: str
    uid: str
    expires: float
    token_id: str = ""


class Tokens:
    """Issues and recognises the tokens of one cluster."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def issue(self, account: Account) -> str:
        """A JSON Web Token for `account`."""
        subject = f"system:serviceaccount:{account.namespace}:{account.name}"
        claims = {
            "iss": "https://kubernetes.default.svc",
            "sub": subject,
            "exp": int(account.expires),
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {
                "namespace": account.namespace,
                "serviceaccount": {"name": account.name, "uid": account.uid},
            },
        }
        head = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
        return f"{head}.{self._sign(head)}"

    def read(self, token: str, now: float) -> Account | None:
        """The account that `token` speaks for; None when it is forged, foreign or expired."""
        head, _, signature = token.rpartition(".")
        if not head or not hmac.compare_digest(signature, self._sign(head)):
            return None
        claims = _decode(head.partition(".")[2])
        if claims["exp"] < now:
            return None
        own = claims["kubernetes.io"]
        account = own["serviceaccount"]
        return Account(own["namespace"], account["name"], account["uid"], claims["exp"], claims["jti"])

    def _sign(self, text: str) -> str:
        digest = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _encode(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _decode(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
