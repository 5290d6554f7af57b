"""The PostgreSQL server and the broker of a comparison: their own, on free ports, durable, and emptied for each run."""
import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


class Failure(Exception):
    """What the person at the terminal is told in one line."""


@contextlib.contextmanager
def alone(work):
    """A directory of this run's own, for as long as it runs."""
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(f"another run uses {work}; wait for it, or name another directory with --work") from None
        yield


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listens(port):
    with socket.socket() as s:
        s.settimeout(0.5)
        return s.connect_ex(("127.0.0.1", port)) == 0


def as_user(user):
    return [f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []


class Child:
    """A process in a session of its own, with its log; ended with all that it has started, and with us."""

    def __init__(self, name, command, log, environment=None, cwd=None, user=None, how="TERM"):
        self.name, self.log = name, Path(log)
        command = ["setpriv", "--pdeathsig", how, *(as_user(user)), *command]
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, env=environment, cwd=cwd)
        self.pid = self.process.pid

    def await_port(self, port, seconds=60):
        end = time.monotonic() + seconds
        while not listens(port):
            if self.process.poll() is not None or time.monotonic() > end:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
                raise Failure(f"{self.name} doesn't listen on port {port}; the end of {self.log}:\n{tail}")
            time.sleep(0.05)

    def stop(self, how=signal.SIGTERM, seconds=20):
        """Returns the exit status; -9 when it had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        if self.process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait(10)
        return self.process.returncode


class PostgreSQL:
    # max_connections as scripts/servers has it; the others as one sets them for SSDs and for databases that are new.
    SETTINGS = {
        "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "200", "fsync": "on",
        "synchronous_commit": "on", "full_page_writes": "on", "random_page_cost": "1.1", "autovacuum_naptime": "10s",
    }

    def __init__(self, work, options=None):
        """`options` are those of whole-shop."""
        self.work, self.port = Path(work), free_port()
        self.password, self.daemon_password = secrets.token_hex(24), secrets.token_hex(24)
        self.settings = {**self.SETTINGS, "port": str(self.port)}
        self.statements = options and options.statements
        if self.statements:
            self.settings |= {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.max": "10000"}
        if options and options.log:  # until it has been read, whatever checkpoints would have taken away
            self.settings |= {"wal_keep_size": "8GB"}
        self.settings |= dict(setting.split("=", 1) for setting in (options.postgres if options else []))
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[4]))
        found = programs[-1] if programs else shutil.which("initdb")
        if not found:
            raise Failure("no PostgreSQL; run scripts/bootstrap")
        self.programs = Path(found).parent

    def start(self):
        data, owner, user = self.work / "postgres", [], None
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        secret = self.work / "postgres.password"
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if os.geteuid() == 0:  # PostgreSQL refuses root
            user = "postgres"
            owner = ["setpriv", *as_user(user)]
            self.work.chmod(0o711)  # to be passed through; scripts/servers closes what is in var
            for path in (data, secret):
                shutil.chown(path, user, user)
            if subprocess.run([*owner, "test", "-w", data]).returncode:
                raise Failure(f"the user {user} can't reach {data}; name another directory with --work")
        made = subprocess.run(
            [*owner, self.programs / "initdb", "--pgdata", data, "--username=postgres", "--auth=scram-sha-256",
             "--pwfile", secret, "--encoding=UTF8", "--locale=C.UTF-8"], capture_output=True, text=True, cwd="/")
        secret.unlink()
        if made.returncode:
            raise Failure(f"initdb: {made.stderr.strip()}")
        options = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        self.child = Child("PostgreSQL", [self.programs / "postgres", "-D", data, *options],
                           self.work / "postgres.log", cwd="/", user=user, how="INT")
        self.child.await_port(self.port)
        end = time.monotonic() + 30
        while subprocess.run([self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode:
            if time.monotonic() > end:
                raise Failure(f"PostgreSQL isn't ready after 30 s; see {self.work}/postgres.log")
            time.sleep(0.05)

    def stop(self):
        if hasattr(self, "child"):
            self.child.stop(signal.SIGINT, 30)

    def url(self, database="postgres", user="postgres"):
        password = self.password if user == "postgres" else self.daemon_password
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def psql(self, database):
        """The password goes by the environment: anybody may read arguments."""
        return {
            "args": ["psql", "-qXtA", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port),
                     "-U", "postgres", "-d", database, "-f", "-"],
            "env": {**os.environ, "PGPASSWORD": self.password}, "text": True}

    def session(self, database):
        return Session(self.psql(database))

    def sql(self, text, database="postgres", seconds=1800):
        """Rows of texts."""
        ran = subprocess.run(**self.psql(database), input=text, capture_output=True, timeout=seconds)
        if ran.returncode:
            raise Failure(f"{database}: {ran.stderr.strip()}")
        return [line.split("\t") for line in ran.stdout.splitlines()]

    def databases(self):
        return [row[0] for row in self.sql("SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'")]

    def fresh(self):
        for name in self.databases():
            self.sql(f'DROP DATABASE "{name}" WITH (FORCE)')
        for (role,) in self.sql("SELECT rolname FROM pg_roles WHERE rolname <> 'postgres' AND rolname !~ '^pg_'"):
            self.sql(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')
        if self.statements:
            self.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT pg_stat_statements_reset()")
        self.sql("CHECKPOINT")

    def settle(self):
        """What autovacuum does in the first minute: plans are made for empty tables until then."""
        for name in self.databases():
            self.sql("ANALYZE", name)
        self.sql("CHECKPOINT")

    def counters(self):
        """Bytes of WAL and commits so far, and statements where they are counted."""
        rows = self.sql(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, sum(xact_commit) FROM pg_stat_database")
        wal, commits = (int(value) for value in rows[0])
        statements = int(self.sql("SELECT coalesce(sum(calls), 0) FROM pg_stat_statements")[0][0]) if self.statements else None
        return {"wal": wal, "commits": commits, "statements": statements}


class Session:
    """A session that stays until it is closed, and its locks with it."""

    def __init__(self, psql):
        self.process = subprocess.Popen(**psql, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, statement):
        """Waits until the statement has been done."""
        self.process.stdin.write(f"{statement};\n\\echo done\n")
        self.process.stdin.flush()
        while (line := self.process.stdout.readline()) != "done\n":
            if not line:
                raise Failure(f"PostgreSQL took no {statement}")

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


class Broker:
    """BENCH_BROKER names a program that is started with a port and an empty directory and stays in the foreground:
    Apache Kafka. Without it, the dev broker."""

    def __init__(self, work, load):
        self.work, self.load, self.port = Path(work), load, free_port()
        self.program = os.environ.get("BENCH_BROKER")
        self.dev = not self.program
        if self.dev:
            found = sorted(ROOT.glob("var/broker-venv/lib/python*/site-packages/noida_db/noida-db"))
            if not found:
                raise Failure("no dev broker; run scripts/bootstrap, or name Kafka by BENCH_BROKER")
            self.program = str(found[0])
        elif not os.access(self.program, os.X_OK):
            raise Failure(f"BENCH_BROKER: {self.program} is no program")
        self.address, self.name = f"127.0.0.1:{self.port}", "the dev broker" if self.dev else "Kafka"

    def fresh(self):
        self.stop()
        data = self.work / "broker"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir()
        arguments = ["start", "--only", "kafka", "--kafka-port", str(self.port), "--data-dir", str(data)]
        self.child = Child(self.name, [self.program, *(arguments if self.dev else [str(self.port), str(data)])],
                           self.work / "broker.log")
        self.child.await_port(self.port, 90)
        if not self.dev:
            self.load.run("warm-broker", "-brokers", self.address, seconds=180)

    def stop(self):
        if hasattr(self, "child"):
            self.child.stop(seconds=30)
