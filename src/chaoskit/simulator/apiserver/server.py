"""The API server: who asks, whether they may, and which handler or document answers."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chaoskit.simulator import knobs
from chaoskit.simulator.api import ApiError
from chaoskit.simulator.apiserver import apierrors, certificates, discovery, impersonation, websocket
from chaoskit.simulator.apiserver.handlers import Answer, Handlers
from chaoskit.simulator.apiserver.httpserver import Server, tls_context
from chaoskit.simulator.apiserver.machinery import Machinery
from chaoskit.simulator.apiserver.podaccess import Containers, container_of
from chaoskit.simulator.apiserver.rbac import MASTERS, Attributes, Authorizer, User
from chaoskit.simulator.apiserver.requests import (
    NO_SUCH_PAGE,
    PageNotFoundError,
    Request,
    Response,
    Route,
    route_of,
)
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.apiserver.reviews import REVIEWS, account_groups
from chaoskit.simulator.apiserver.store import dumps
from chaoskit.simulator.apiserver.tokens import Account, Tokens
from chaoskit.simulator.knobs import Knobs

_logger = logging.getLogger(__name__)
ADMINISTRATOR = User("kubernetes-admin", (MASTERS, "system:authenticated"))
ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))

_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NOT_SIMULATED = frozenset({"attach", "ephemeralcontainers", "portforward", "proxy"})


class ApiServer:
    """Serves one cluster on 127.0.0.1; `port` 0 takes any free one."""

    def __init__(
        self,
        machinery: Machinery,
        port: int = 0,
        knobs: Knobs | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.token = secrets.token_urlsafe(24)
        self._machinery = machinery
        self._authorizer = Authorizer(machinery.store)
        self._tokens = Tokens()
        self._stopping = threading.Event()
        self._knobs = knobs or Knobs()
        self._sleep = sleep
        self._handlers = Handlers(
            machinery, self._authorizer, self._tokens, self._stopping.is_set, self._knobs
        )
        self.certificate = certificates.for_loopback()
        self._http = Server(("127.0.0.1", port), self, tls_context(self.certificate))
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._http.server_address[1]}"

    def serve(self, containers: Containers | None) -> None:
        """Requests are answered from now on; logs and commands by `containers`."""
        self._handlers.containers = containers
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.05,), name="simulator-api", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Nobody is answered any more; open watches have ended and the port is free."""
        self._stopping.set()
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()
        self._http.end_connections()

    def authenticate(self, authorization: str | None) -> User:
        """Who sends that header: 401 for an unknown token, anonymous without one."""
        if not authorization:
            return ANONYMOUS
        token = authorization.removeprefix("Bearer ").strip()
        if secrets.compare_digest(token.encode(), self.token.encode()):
            return ADMINISTRATOR
        with self._machinery.engine.lock:
            account = self._tokens.read(token, self._machinery.engine.now())
            if account is None or not self._exists(account):
                raise apierrors.unauthorized()
        return User(
            f"system:serviceaccount:{account.namespace}:{account.name}",
            tuple(account_groups(account.namespace)),
            account.uid,
            {"authentication.kubernetes.io/credential-id": [f"JTI={account.token_id}"]},
        )

    def impersonate(self, user: User, headers: Mapping[str, str], groups: Sequence[str]) -> User:
        """Whom the request is answered as: `user`, or whom it wants to be, if `user` may; 403 otherwise."""
        found = impersonation.wanted(headers, groups)
        if found is None:
            return user
        wanted, needed = found
        with self._machinery.engine.lock:
            for asked in needed:
                self._refuse_unless_allowed(user, asked, None)
        return wanted

    def _exists(self, account: Account) -> bool:
        found = self._machinery.store.get("ServiceAccount", account.namespace, account.name)
        return found is not None and found.object["metadata"]["uid"] == account.uid

    def answer(self, request: Request) -> Answer:
        """The answer to a request, a refusal included."""
        try:
            route = route_of(request.path)
            if route is None:
                return self._document(request)
            if route.name != knobs.NAME:  # which must be there to be turned back
                self._act_up(request, route)
            return self._resource(request, route)
        except PageNotFoundError:
            return NO_SUCH_PAGE
        except ApiError as error:
            return Response.of(error.code, apierrors.status_of(error))
        except Exception:
            _logger.exception("%s %s", request.method, request.target)
            broken = apierrors.internal(
                "this request is more than the simulator understands; its log says why"
            )
            return Response.of(broken.code, apierrors.status_of(broken))

    def _act_up(self, request: Request, route: Route) -> None:
        """The request is late, or refused, as the knobs say."""
        if self._knobs.slow_api:
            self._sleep(self._knobs.slow_api)
        if self._knobs.conflicts > 0 and request.method in {"PUT", "PATCH"}:
            self._knobs.conflicts -= 1
            raise apierrors.conflict(self._found(route), route.name)

    def prepare_exec(self, request: Request, route: Route) -> Callable[[websocket.Channels], None]:
        """What runs the command of an exec once its WebSocket is open; refusals are raised.

        A WebSocket is a GET: since 1.35 a server asks for `create` beside it, as for a POST.
        """
        resource = self._found(route)
        for verb in dict.fromkeys((_verb(request, route), "create")):
            self._authorize(request, route, resource, verb)
        with self._machinery.engine.lock:
            pod = self._machinery.get(resource, route.namespace, route.name)
            container = container_of(pod, request.get("container"))
        containers = self._handlers.need_containers()
        command = request.query.get("command", [])
        if not command:
            raise apierrors.bad_request("you must specify at least 1 command for the container")
        reading = request.flag("stdin")

        def run(channels: websocket.Channels) -> None:
            read = channels.read_line if reading else (lambda: None)
            # outside the lock: it may wait for the client's input
            done = containers.execute(route.namespace, route.name, container, command, read)
            if done.stdout:
                channels.send(websocket.STDOUT, done.stdout.encode())
            if done.stderr:
                channels.send(websocket.STDERR, done.stderr.encode())
            channels.send(websocket.ERROR, dumps(_exit_status(done.code)))

        return run

    # ------------------------------------------------------------------ resources

    def _resource(self, request: Request, route: Route) -> Answer:
        review = REVIEWS.get((route.group, route.plural))
        if review is not None and route.version == "v1":
            return self._review(request, route)
        if (route.group, route.plural, request.method) == ("", "bindings", "POST"):
            name = request.json("Binding")["metadata"]["name"]
            route = Route("", "v1", "pods", route.namespace, name, "binding")
        resource = self._found(route)
        self._authorize(request, route, resource, _verb(request, route))
        if route.subresource in _NOT_SIMULATED and resource.plural in {"pods", "services", "nodes"}:
            if (route.plural, route.subresource, route.rest) == ("nodes", "proxy", "healthz"):
                return Response.text(200, "ok")
            raise apierrors.not_simulated(f"{resource.plural}/{route.subresource}")
        if route.subresource == "exec" and route.plural == "pods":
            raise apierrors.bad_request("Upgrade request required")
        return self._handlers.answer(request, route, resource)

    def _found(self, route: Route) -> Resource:
        """The resource of a route; a Status says that a known group lacks it, or which version has it.

        A bare page says so of all else.
        """
        registry = self._machinery.registry
        with self._machinery.engine.lock:  # a definition may be changing what is served
            resource = registry.at(route.group, route.version, route.plural)
            if resource is None:
                built_in = [r for r in registry.all() if r.schema is None and r.group == route.group]
                others = [r.api_version for r in built_in if r.plural == route.plural]
                if others:
                    raise apierrors.no_such_resource(others[0])
                if built_in and route.version in registry.group_versions().get(route.group, ()):
                    raise apierrors.no_such_resource()
                raise PageNotFoundError
        return resource

    def _review(self, request: Request, route: Route) -> Answer:
        if request.method != "POST":
            raise apierrors.method_not_allowed()
        kind, ask = REVIEWS[route.group, route.plural]
        given = request.json(kind) if request.body.strip() else {}
        with self._machinery.engine.lock:
            asked = Attributes("create", route.group, route.plural, namespace=route.namespace)
            self._refuse_unless_allowed(request.user, asked, None)
            answer = ask(self._authorizer, request.user, given, self._machinery.now())
        return Response.of(201, {"kind": kind, "apiVersion": f"{route.group}/v1", **answer})

    def _authorize(self, request: Request, route: Route, resource: Resource, verb: str) -> None:
        if MASTERS in request.user.groups:
            return
        asked = Attributes(
            verb=verb,
            group=route.group,
            resource=route.plural,
            subresource=route.subresource,
            namespace=route.namespace,
            name=route.name,
        )
        with self._machinery.engine.lock:
            self._refuse_unless_allowed(request.user, asked, resource)

    def _refuse_unless_allowed(self, user: User, asked: Attributes, resource: Resource | None) -> None:
        if self._authorizer.decide(user, asked).allowed:
            return
        where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
        why = (
            f'User "{user.name}" cannot {asked.verb} resource "{asked.resource_path}" '
            f'in API group "{asked.group}" {where}'
        )
        about = resource or Resource(asked.group, "v1", asked.resource, asked.resource)
        raise apierrors.forbidden(about, asked.name, why)

    # ------------------------------------------------------------------ documents

    def _document(self, request: Request) -> Response:
        """What lies outside of resources: discovery, version, health."""
        path = request.path.rstrip("/")
        with self._machinery.engine.lock:
            if not self._may_read(request.user, path):
                why = f'forbidden: User "{request.user.name}" cannot get path "{path}"'
                raise apierrors.Refusal(403, "Forbidden", why, {})
            return self._read(request, path)

    def _may_read(self, user: User, path: str) -> bool:
        if MASTERS in user.groups:
            return True
        return self._authorizer.decide(user, Attributes("get", path=path or "/")).allowed

    def _read(self, request: Request, path: str) -> Response:
        registry = self._machinery.registry
        if path in {"/api", "/apis"} and "g=apidiscovery.k8s.io" in request.headers.get("Accept", ""):
            body = dumps(discovery.aggregated(registry, core=path == "/api"))
            return Response(200, body, discovery.AGGREGATED)
        if path in {"/healthz", "/livez", "/readyz"}:
            return Response.text(200, discovery.health(path) if "verbose" in request.query else "ok")
        parts = path.strip("/").split("/")
        found: Any = None
        if path == "/version":
            found = discovery.VERSION
        elif path == "/api":
            found = discovery.core_versions(self.address)
        elif path == "/apis":
            found = discovery.groups(registry)
        elif path == "/openapi/v3":
            found = discovery.openapi_index(registry)
        elif path.startswith("/openapi/v3/"):
            group, version = (parts[3], parts[4]) if len(parts) > 4 else ("", parts[-1])
            found = discovery.openapi(registry, group, version)
        elif parts[0] == "api" and len(parts) == 2:
            found = discovery.resources(registry, "", parts[1])
        elif parts[0] == "apis" and len(parts) in {2, 3}:
            found = (
                discovery.group(registry, parts[1])
                if len(parts) == 2
                else discovery.resources(registry, parts[1], parts[2])
            )
        return Response.of(200, found) if found is not None else NO_SUCH_PAGE


def _verb(request: Request, route: Route) -> str:
    verb = _VERBS.get(request.method, request.method.lower())
    if route.name:
        return verb
    if verb == "get":
        return "watch" if request.flag("watch") else "list"
    return "deletecollection" if verb == "delete" else verb


def _exit_status(code: int) -> dict[str, Any]:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }
