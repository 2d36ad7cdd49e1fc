"""The kubeconfig of a simulated cluster."""

from __future__ import annotations

import base64
import os
from pathlib import Path

_TEXT = """\
apiVersion: v1
kind: Config
current-context: simulator
clusters:
- name: simulator
  cluster:
    server: "{url}"
    certificate-authority-data: {authority}
users:
- name: simulator
  user: {{token: "{token}"}}
contexts:
- name: simulator
  context: {{cluster: simulator, user: simulator, namespace: default}}
"""


def write(path: Path, url: str, token: str, certificate: str) -> Path:
    """`path` holds a kubeconfig, readable by its owner alone; it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        authority = base64.b64encode(certificate.encode()).decode()
        file.write(_TEXT.format(url=url, token=token, authority=authority))
    return draft.replace(path)
