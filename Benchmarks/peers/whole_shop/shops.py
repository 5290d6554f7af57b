"""The shops that are compared: how each is built and started, and where its read model is."""
import json
import os
import subprocess
from pathlib import Path

from .servers import ROOT, Child, Failure, listens

PEERS = ROOT / "Benchmarks" / "peers"


def build(name, to):
    """A Go program of this directory, with Debian's packages of its libraries."""
    target = Path(to) / name
    try:
        built = subprocess.run(["go", "build", "-o", target, "."], cwd=PEERS / name, capture_output=True, text=True,
                               env={**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode"})
    except FileNotFoundError:
        raise Failure("no go; on Debian install golang-go golang-github-jackc-pgx-v4-dev "
                      "golang-github-confluentinc-confluent-kafka-go-dev") from None
    if built.returncode:
        raise Failure(f"{name} can't be built: {built.stderr.strip()}")
    return target


class Load:
    """The program that posts orders and checks what came of them."""

    def __init__(self, work):
        self.program = build("shop-load", work)

    def run(self, command, *arguments, seconds, views_url=""):
        ran = subprocess.run([self.program, command, *map(str, arguments)], capture_output=True, text=True, timeout=seconds,
                             env={**os.environ, "VIEWS_URL": views_url})
        if ran.returncode:
            raise Failure(ran.stderr.strip() or f"shop-load {command} ended with status {ran.returncode}")
        return json.loads(ran.stdout)


def free_ports(count, first=24300):
    while any(listens(port) for port in range(first, first + count)):
        first += count
    return first


def orderflow_environment(postgres, broker, port):
    # Whoever compares may have settings of another installation in the environment.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ORDERFLOW_")}
    return {
        **clean, "ORDERFLOW_DATABASE_URL": postgres.url(user="daemon"), "ORDERFLOW_DATABASE_ADMIN_URL": postgres.url(),
        "ORDERFLOW_KAFKA_BROKERS": broker.address, "ORDERFLOW_KAFKA_DEV_BROKER": "on" if broker.dev else "off",
        "ORDERFLOW_HTTP_PORT": str(port), "ORDERFLOW_LOG_LEVEL": "warning",
    }


class Shop:
    """A whole shop in processes of its own. `text` is NAME[=PROGRAM] and settings of its environment."""

    def __init__(self, text, work, postgres, broker):
        name, *settings = text.split()
        self.program = name.partition("=")[2] or self.default_program(work)
        if not os.access(self.program, os.X_OK):
            raise Failure(f"{name}: there is no program {self.program}")
        if not all("=" in setting for setting in settings):
            raise Failure(f"--shop {text!r}: settings are NAME=VALUE")
        self.label, self.work, self.postgres, self.broker = text, Path(work), postgres, broker
        self.settings = dict(setting.split("=", 1) for setting in settings)
        self.child = None

    def start(self):
        self.port = free_ports(10)
        self.api = f"http://127.0.0.1:{self.port}"
        directory = self.work / "shop"
        directory.mkdir(exist_ok=True)
        self.log = self.work / f"{self.label.split()[0].partition('=')[0]}.log"
        self.child = Child(self.label, [self.program, *self.arguments], self.log,
                           {**self.environment(), **self.settings}, directory)
        self.child.await_port(self.port, 60)

    def stop(self):
        if self.child:
            status = self.child.stop()
            self.child = None
            return status

    def views_url(self):
        return self.postgres.url(self.views)


class GoPipeline(Shop):
    arguments = ["up"]
    views = "peer_projection"
    look = "SELECT order_id::text, status FROM order_views WHERE order_id = ANY($1::text[]::uuid[])"

    def default_program(self, work):
        return build("go-pipeline", work)

    def environment(self):
        return {**os.environ, "DATABASE_URL": self.postgres.url(), "BROKERS": self.broker.address,
                "LISTEN": f"127.0.0.1:{self.port}"}


class Orderflow(Shop):
    arguments = ["up", "--prepare"]
    views = "orderflow_views"
    look = "SELECT order_id::text, status FROM order_views WHERE tenant = 'default' AND order_id = ANY($1::text[])"

    def default_program(self, work):
        return ROOT / ".build" / "release" / "orderflow"

    def environment(self):
        return orderflow_environment(self.postgres, self.broker, self.port)


KINDS = {"go-pipeline": GoPipeline, "orderflow": Orderflow}


def shop(text, *servers):
    kind = text.split()[0].partition("=")[0] if text.split() else ""
    if kind not in KINDS:
        raise Failure(f"--shop takes {' or '.join(KINDS)}, not {text!r}")
    return KINDS[kind](text, *servers)
