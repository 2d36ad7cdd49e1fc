"""A container's image before its start: there already, pulled, or tried again and again in vain."""

from __future__ import annotations

from typing import Protocol

from chaoskit.simulator.engine import Engine, Script
from chaoskit.simulator.node import images
from chaoskit.simulator.node.backoff import BackOff
from chaoskit.simulator.node.podstatus import Container

_RETRY_SOON = 0.9
_RETRY = 10.0


def retry(engine: Engine) -> float:
    """Seconds until the kubelet tries a container again that did not come up; up to half as long again."""
    return _RETRY * (1 + engine.random.random() / 2)


class Subject(Protocol):
    """The container whose image it is."""

    container: Container

    def event(self, kind: str, reason: str, message: str) -> None:
        """The pod's events tell of it."""
        ...

    def publish(self) -> None:
        """The pod's status is written where it changed."""
        ...

    def waits(self, reason: str, message: str) -> None:
        """The container's status tells why it does not come up."""
        ...


class Pulling:
    """The pulls of one container; their back-off goes on from one to the next."""

    def __init__(self, engine: Engine, subject: Subject) -> None:
        self._engine = engine
        self._subject = subject
        self._back_off = BackOff()

    def run(self) -> Script:
        """The image is on the node."""
        subject = self._subject
        if images.pull_error(subject.container.spec["image"]):
            yield from self._in_vain()
        image = subject.container.spec["image"]
        policy = subject.container.spec.get("imagePullPolicy", "")
        if images.pulls_always(image, policy):
            subject.event("Normal", "Pulling", f'Pulling image "{image}"')
            yield 0.5
            took = "in 500ms (500ms including waiting). Image size: 2141003 bytes."
            subject.event("Normal", "Pulled", f'Successfully pulled image "{image}" {took}')
        else:
            present = "already present on machine and can be accessed by the pod"
            subject.event("Normal", "Pulled", f'Container image "{image}" {present}')
        yield 0.01
        subject.publish()

    def _in_vain(self) -> Script:
        """Tries until the image can be had. The status tells of the try before, as a kubelet's does."""
        next_pull, wait = 0.0, _RETRY_SOON
        while error := images.pull_error(image := self._subject.container.spec["image"]):
            if self._engine.now() >= next_pull:
                reason, message = self._once(image, error)
                self._back_off.next(self._engine.now())
                next_pull = self._engine.now() + self._back_off.seconds
            else:
                reason, message = self._later(image, error)
            yield wait
            self._subject.waits(reason, message)
            wait = retry(self._engine)

    def _once(self, image: str, error: str) -> tuple[str, str]:
        subject = self._subject
        subject.event("Normal", "Pulling", f'Pulling image "{image}"')
        subject.publish()
        subject.event("Warning", "Failed", f'Failed to pull image "{image}": {error}')
        subject.event("Warning", "Failed", "Error: ErrImagePull")
        return "ErrImagePull", error

    def _later(self, image: str, error: str) -> tuple[str, str]:
        subject = self._subject
        subject.event("Normal", "BackOff", f'Back-off pulling image "{image}"')
        subject.event("Warning", "Failed", "Error: ImagePullBackOff")
        return "ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {error}'
