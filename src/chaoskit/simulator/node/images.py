"""Images: which ones cannot be pulled, and what the kubelet says about them."""

from __future__ import annotations

import hashlib


def pull_error(image: str) -> str:
    """Why `image` cannot be pulled, in containerd's words; empty when it can.

    Registries under ``.invalid`` do not resolve, and the tag ``none`` does not exist anywhere; every
    other image is taken to be there.
    """
    host, path, tag = _parts(image)
    unpack = f'failed to pull and unpack image "{host}/{path}:{tag}": '
    resolve = f'failed to resolve reference "{host}/{path}:{tag}": '
    if host.partition(":")[0].endswith(".invalid"):
        url = f"https://{host}/v2/{path}/manifests/{tag}"
        lookup = f"dial tcp: lookup {host} on 10.96.0.10:53: no such host"
        return f'{unpack}{resolve}failed to do request: Head "{url}": {lookup}'
    if tag == "none":
        return f"{unpack}{resolve}{host}/{path}:{tag}: not found"
    return ""


def image_id(image: str) -> str:
    """A digest that is the same for the same image."""
    return "sha256:" + hashlib.sha256(image.encode()).hexdigest()


def pulls_always(image: str, policy: str) -> bool:
    """True when the registry is asked at each start, though the image is there."""
    return policy == "Always" or (not policy and _parts(image)[2] == "latest")


def _parts(image: str) -> tuple[str, str, str]:
    """Registry, path and tag, with Docker's defaults."""
    name = image.partition("@")[0]
    head, slash, rest = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        host, path = head, rest
    else:
        host, path = "docker.io", name if slash else f"library/{name}"
    path, colon, tag = path.rpartition(":")
    return (host, path, tag) if colon else (host, tag, "latest")
