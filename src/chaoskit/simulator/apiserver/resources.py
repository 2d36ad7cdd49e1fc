"""What the API serves: a resource is all that is known of one kind. `builtin` has the table of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from chaoskit.simulator.objects import Object

if TYPE_CHECKING:
    from chaoskit.simulator.apiserver.apierrors import Cause
    from chaoskit.simulator.apiserver.schemas import Schema
    from chaoskit.simulator.apiserver.tables import Column

_CRUD = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
Names = Literal["subdomain", "label", "path"]
People = Literal["write", "read", "nothing"]


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind in one version: how it is called, what may be done with it, what is special about it.

    `fields` can be used in field selectors beside name and namespace. `counts_generation`: spec changes
    raise ``metadata.generation``. `names` says what objects may be called, `people` what the usual roles
    let people do with them. `defaults` completes an object, `rules` finds what is wrong with it,
    `changes` (of old and new spec) and `fixed` (paths) what may not be changed. `unsimulated` tells of
    fields (paths) whether they are set so that they must be refused. `template` is where the spec of its
    pods is, `begins` the status of a new object, `table` what kubectl shows of it.

    `schema` and `columns` (name, JSON path, priority) are what a CRD declares; the schema is None for the
    built-in kinds.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    counts_generation: bool = False
    returns_deleted: bool = False
    verbs: tuple[str, ...] = _CRUD
    schema: Schema | None = None
    singular: str = ""
    list_kind: str = ""
    columns: tuple[tuple[str, str, int], ...] = ()
    names: Names = "subdomain"
    people: People = "write"
    defaults: Callable[[Object], None] | None = field(default=None, compare=False)
    rules: Callable[[Object], Iterable[Cause]] | None = field(default=None, compare=False)
    changes: Callable[[Object, Object], Iterable[Cause]] | None = field(default=None, compare=False)
    fixed: tuple[str, ...] = ()
    unsimulated: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict, compare=False)
    template: tuple[str, ...] = ()
    begins: Object | None = field(default=None, compare=False)
    table: tuple[Column, ...] = field(default=(), compare=False)
    key: str = field(init=False)
    """``Pod`` or ``Deployment.apps``, as actors name it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.kind}.{self.group}" if self.group else self.kind)

    @property
    def api_version(self) -> str:
        """``v1`` or ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``pods`` or ``deployments.apps``, as messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def has_status(self) -> bool:
        """True when status is written through ``/status`` alone."""
        return "status" in self.subresources


class Registry:
    """The resources served now, found by path, by kind or by an object's own words."""

    def __init__(self, kinds: Iterable[Resource]) -> None:
        self._by_path: dict[tuple[str, str, str], Resource] = {}
        self._by_key: dict[str, Resource] = {}
        for resource in kinds:
            self.add(resource)

    def add(self, resource: Resource, *, preferred: bool = True) -> None:
        """`resource` is served from now on; `preferred` also under its bare kind and group."""
        self._by_path[resource.group, resource.version, resource.plural] = resource
        if preferred:
            self._by_key[resource.key] = resource

    def drop(self, group: str, plural: str) -> None:
        """No version of that resource is served any more."""
        for path in [p for p in self._by_path if (p[0], p[2]) == (group, plural)]:
            self._by_key.pop(self._by_path.pop(path).key, None)

    def all(self) -> tuple[Resource, ...]:
        """Everything served, all versions, in no order that matters."""
        return tuple(self._by_path.values())

    def at(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource behind ``/apis/<group>/<version>/<plural>``."""
        return self._by_path.get((group, version, plural))

    def named(self, key: str) -> Resource | None:
        """The resource that actors call ``Pod`` or ``ChaosEngine.litmuschaos.io``."""
        return self._by_key.get(key)

    def of(self, api_version: str, kind: str) -> Resource | None:
        """The resource of an object that says so about itself."""
        group, _, version = api_version.rpartition("/")
        found = self._by_key.get(f"{kind}.{group}" if group else kind)
        if found is None or found.version == version:
            return found
        return self.at(group, version, found.plural)

    def group_versions(self) -> dict[str, tuple[str, ...]]:
        """Each group's versions, preferred one first; the core group is ``""``."""
        found: dict[str, list[str]] = {}
        for group, version, _ in self._by_path:
            versions = found.setdefault(group, [])
            if version not in versions:
                versions.append(version)
        return {group: tuple(versions) for group, versions in found.items()}
