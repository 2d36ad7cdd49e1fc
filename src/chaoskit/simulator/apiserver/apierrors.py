"""What an API server refuses, with the status codes, reasons and words that Kubernetes uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chaoskit.simulator.api import ApiError
from chaoskit.simulator.apiserver.resources import Resource


class Refusal(ApiError):
    """An `ApiError` that knows the ``details`` of its Status object."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(code, reason, message)
        self.details = details


@dataclass(frozen=True, slots=True)
class Cause:
    """One wrong field of an invalid object: a StatusCause."""

    field: str
    reason: str
    message: str


def status_of(error: ApiError) -> dict[str, Any]:
    """The Status object that tells a client of `error`."""
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
    }
    if error.reason:
        status["reason"] = error.reason
    details = getattr(error, "details", None)
    if details is not None:
        status["details"] = details
    return status | {"code": error.code}


def about(resource: Resource, name: str = "") -> dict[str, Any]:
    """Status details that name a resource, as ``{"name": .., "group": .., "kind": plural}``."""
    details = {"name": name, "group": resource.group, "kind": resource.plural}
    return {key: value for key, value in details.items() if value}


def bad_request(message: str) -> Refusal:
    """The request cannot be understood."""
    return Refusal(400, "BadRequest", message)


def unauthorized() -> Refusal:
    """The bearer token is unknown."""
    return Refusal(401, "Unauthorized", "Unauthorized")


def forbidden(resource: Resource, name: str, why: str, causes: list[Cause] | None = None) -> Refusal:
    """The caller may not, or an admission rule does not let anybody."""
    subject = f'{resource.qualified} "{name}"' if name else resource.qualified
    details = about(resource, name)
    if causes:
        details["causes"] = [_cause(cause) for cause in causes]
    return Refusal(403, "Forbidden", f"{subject} is forbidden: {why}", details)


def not_found(resource: Resource, name: str) -> Refusal:
    """There is no object of that name."""
    message = f'{resource.qualified} "{name}" not found'
    return Refusal(404, "NotFound", message, about(resource, name))


def no_such_resource(otherwise: str = "") -> Refusal:
    """The group and version have no such resource; `otherwise` is the version that is simulated, if any."""
    why = f"; the simulator serves it as {otherwise}" if otherwise else ""
    return Refusal(404, "NotFound", f"the server could not find the requested resource{why}", {})


def method_not_allowed() -> Refusal:
    """The resource is served and does not support the verb."""
    message = "the server does not allow this method on the requested resource"
    return Refusal(405, "MethodNotAllowed", message, {})


def already_exists(resource: Resource, name: str) -> Refusal:
    """The name is taken."""
    message = f'{resource.qualified} "{name}" already exists'
    return Refusal(409, "AlreadyExists", message, about(resource, name))


def conflict(resource: Resource, name: str) -> Refusal:
    """The object was changed since the caller read it."""
    message = (
        f'Operation cannot be fulfilled on {resource.qualified} "{name}": the object has been '
        "modified; please apply your changes to the latest version and try again"
    )
    return Refusal(409, "Conflict", message, about(resource, name))


def precondition_failed(resource: Resource, name: str, field: str, want: str, have: str) -> Refusal:
    """The object is not the one, or not the version, that the caller meant to delete."""
    message = (
        f'Operation cannot be fulfilled on {resource.kind} "{name}": the {field} in the precondition '
        f"({want}) does not match the {field} in record ({have})."
    )
    if field == "UID":
        message += " The object might have been deleted and then recreated"
    details = about(resource, name) | {"kind": resource.kind}
    return Refusal(409, "Conflict", message, details)


def apply_conflict(conflicts: list[tuple[str, str]]) -> Refusal:
    """Other managers own fields that an apply would change; `conflicts` are (manager, field path)."""
    noun = "conflict" if len(conflicts) == 1 else "conflicts"
    listed = "; ".join(f'conflict with "{manager}": {path}' for manager, path in conflicts)
    causes = [
        _cause(Cause(path, "FieldManagerConflict", f'conflict with "{manager}"'))
        for manager, path in conflicts
    ]
    message = f"Apply failed with {len(conflicts)} {noun}: {listed}"
    return Refusal(409, "Conflict", message, {"causes": causes})


def expired(message: str = "The resourceVersion for the provided list is too old.") -> Refusal:
    """The version that the caller asks about is forgotten."""
    return Refusal(410, "Expired", message)


def unsupported_media_type(accepted: tuple[str, ...]) -> Refusal:
    """The patch is of a kind that this resource does not take."""
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(
        accepted
    )
    return Refusal(415, "UnsupportedMediaType", message)


def bare_unsupported_media_type() -> Refusal:
    """The Content-Type of a patch is no patch at all."""
    return Refusal(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def invalid(kind: str, group: str, name: str, causes: list[Cause]) -> Refusal:
    """The object breaks rules; one cause for each wrong field."""
    qualified = f"{kind}.{group}" if group else kind
    found = [f"{cause.field}: {cause.message}" for cause in causes]
    said = found[0] if len(found) == 1 else f"[{', '.join(found)}]"
    details: dict[str, Any] = {"name": name, "group": group, "kind": kind}
    details = {key: value for key, value in details.items() if value}
    details["causes"] = [_cause(cause) for cause in causes]
    return Refusal(422, "Invalid", f'{qualified} "{name}" is invalid: {said}', details)


def patch_failed() -> Refusal:
    """A JSON patch does not fit the object."""
    message = "the server rejected our request due to an error in our request"
    return Refusal(422, "Invalid", message, {})


def disruption_refused(budget: str, needs: int, has: int) -> Refusal:
    """An eviction would break a disruption budget."""
    message = f"The disruption budget {budget} needs {needs} healthy pods and has {has} currently"
    return Refusal(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
        {"causes": [{"reason": "DisruptionBudget", "message": message}]},
    )


def budget_not_counted(budget: str) -> Refusal:
    """The disruption controller has not yet seen the budget."""
    message = f"The disruption budget {budget} is still being processed by the server."
    cause = {"reason": "DisruptionBudget", "message": message}
    return Refusal(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
        {"causes": [cause], "retryAfterSeconds": 10},
    )


def internal(message: str) -> Refusal:
    """What a real server answers with 500 too."""
    return Refusal(500, "", message)


def not_simulated(what: str) -> Refusal:
    """A real server does it; the simulator does not."""
    return Refusal(501, "NotImplemented", f"{what} is not simulated")


def required(field: str, detail: str = "") -> Cause:
    """A missing field."""
    return Cause(field, "FieldValueRequired", f"Required value: {detail}".removesuffix(": "))


def wrong(field: str, value: str, detail: str) -> Cause:
    """A value that breaks a rule; `value` as Kubernetes would print it."""
    return Cause(field, "FieldValueInvalid", f"Invalid value: {value}: {detail}")


def unsupported(field: str, value: str, supported: tuple[str, ...]) -> Cause:
    """A value outside its enumeration."""
    listed = ", ".join(f'"{item}"' for item in supported)
    message = f'Unsupported value: "{value}": supported values: {listed}'
    return Cause(field, "FieldValueNotSupported", message)


def missing(field: str, value: str) -> Cause:
    """A name that means nothing."""
    return Cause(field, "FieldValueNotFound", f'Not found: "{value}"')


def duplicate(field: str, value: str) -> Cause:
    """A name that is taken."""
    return Cause(field, "FieldValueDuplicate", f'Duplicate value: "{value}"')


def forbidden_field(field: str, detail: str) -> Cause:
    """A field that may not be set or changed."""
    return Cause(field, "FieldValueForbidden", f"Forbidden: {detail}")


def _cause(cause: Cause) -> dict[str, str]:
    return {"reason": cause.reason, "message": cause.message, "field": cause.field}
