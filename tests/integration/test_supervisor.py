"""`standings run` with real processes: a real Valkey, and stand-ins that answer /readyz as the services do."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from services.local import embedded
from services.local.embedded import embedded_valkey, locked
from services.local.guard import left_over
from services.local.processes import Backoff, Child, ChildLog, Command, Guard, stop
from services.local.supervisor import (
    HOST,
    CannotStart,
    Stopped,
    Supervisor,
    is_ready,
    run,
    stopped_by_signals,
)
from tests.servers import PROJECT, eventually

SCORER = "import os, signal; print('pid', os.getpid()); signal.pause()"
# Has a worker process of its own, as granian has.
SERVER = """
import http.server, os, subprocess, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == '/readyz' else 404)
        self.end_headers()
    def log_message(self, *_): pass
worker = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])
print('pid', worker.pid)
print('pid', os.getpid())
http.server.HTTPServer(('127.0.0.1', int(os.environ[sys.argv[1]])), Ready).serve_forever()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('deaf')
while True: signal.pause()
"""
STAND_INS: Mapping[str, Sequence[str]] = {
    "ingest": (sys.executable, "-c", SERVER, "STANDINGS_INGEST_PORT"),
    "scorer": (sys.executable, "-c", SCORER),
    "api": (sys.executable, "-c", SERVER, "STANDINGS_API_PORT"),
}
REFUSING: Mapping[str, Sequence[str]] = {
    **STAND_INS,
    "scorer": (sys.executable, "-c", "print('partitions differ'); raise SystemExit(78)"),
}
# What `standings run` does, with the stand-ins for the services.
RUN = """
import sys
from pathlib import Path
from services.local.supervisor import run
from tests.integration.test_supervisor import STAND_INS
sys.exit(run(Path(sys.argv[1]), 0, 0, None, lambda line: print(line, flush=True), STAND_INS))
"""
ENDINGS = pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name
)


def supervisor(data: Path, lines: list[str], commands: Mapping[str, Sequence[str]] = STAND_INS) -> Supervisor:
    return Supervisor(data, 0, 0, None, lines.append, commands, Backoff(first=0.01))


def pids(lines: Sequence[str], name: str = "") -> list[int]:
    return [int(line.rpartition("pid ")[2]) for line in lines if re.match(rf"{name}.*\| pid \d+$", line)]


def alive(pid: int) -> bool:
    """A process that only waits to be collected is not alive, where the system can tell."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def none_alive(processes: Sequence[int]) -> Callable[[], bool]:
    return lambda: not any(alive(pid) for pid in processes)


def valkey_of(url: str) -> int:
    with Redis.from_url(url) as client:
        return int(client.info("server")["process_id"])


class Foreground:
    """`standings run` as a process of its own, up and ready. Holds what it printed so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip("\n"))
            if len(pids(self.lines)) == 5 and self.said("Redis "):
                break
        self.children = [*pids(self.lines), valkey_of(self.said("Redis ")[0].split()[1])]

    def said(self, beginning: str) -> list[str]:
        return [line for line in self.lines if line.startswith(beginning)]


@contextmanager
def foreground(data: Path) -> Iterator[Foreground]:
    arguments = [sys.executable, "-c", RUN, str(data)]
    with subprocess.Popen(arguments, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Foreground(process)
        finally:
            process.kill()


def test_everything_answers_inside_the_block_and_nothing_is_left_after_it(tmp_path: Path) -> None:
    lines: list[str] = []
    with supervisor(tmp_path, lines).started() as addresses:
        with Redis.from_url(addresses.redis) as client:
            assert client.ping()
        assert is_ready(int(addresses.api.rpartition(":")[2]))
        assert is_ready(int(addresses.ingest.rpartition(":")[2]))
        eventually(lambda: len(pids(lines)) == 5)
        children = [*pids(lines), valkey_of(addresses.redis)]

    assert not any(map(alive, children))


def test_every_line_says_whose_it_is(tmp_path: Path) -> None:
    lines: list[str] = []
    with supervisor(tmp_path, lines).started():
        eventually(lambda: bool(pids(lines, "scorer")))

    assert {line[:9] for line in lines} >= {"ingest  |", "scorer  |", "api     |"}


def test_valkey_is_durable_and_has_no_port(tmp_path: Path) -> None:
    expected = {
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "port": "0",
    }

    with embedded_valkey(tmp_path) as url, Redis.from_url(url, decode_responses=True) as client:
        assert {name: client.config_get(name)[name] for name in expected} == expected


def test_data_is_kept_between_runs(tmp_path: Path) -> None:
    for known in (None, b"1"):
        with supervisor(tmp_path, []).started() as addresses, Redis.from_url(addresses.redis) as client:
            assert client.get("kept") == known
            client.set("kept", "1")


def test_a_path_too_long_for_a_socket_and_one_with_a_space_serve_too(tmp_path: Path) -> None:
    data = tmp_path / ("deep " * 20)

    with embedded_valkey(data) as url, Redis.from_url(url) as client:
        assert client.ping()
        assert (data / "appendonlydir").is_dir()
        assert len(url) < len(str(data))
    with embedded_valkey(tmp_path / "a b") as url, Redis.from_url(url) as client:
        assert client.ping()


def test_a_directory_in_use_is_refused_in_one_sentence(tmp_path: Path) -> None:
    lines: list[str] = []
    with locked(tmp_path):
        code = run(tmp_path, 0, 0, None, lines.append, STAND_INS)

    [line] = lines
    assert code == 1
    assert f"in use by another run (process {os.getpid()})" in line


@pytest.mark.parametrize("option", ["--api-port", "--ingest-port"])
def test_a_port_in_use_is_refused_in_one_sentence_before_anything_starts(tmp_path: Path, option: str) -> None:
    data, lines = tmp_path / "data", list[str]()
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        api_port, ingest_port = (port, 0) if option == "--api-port" else (0, port)
        code = run(data, api_port, ingest_port, None, lines.append, STAND_INS)

    [line] = lines
    assert code == 1
    assert f"Port {port} " in line
    assert option in line
    assert not data.exists()


def test_one_port_for_both_is_refused(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as briefly:
        port = briefly.getsockname()[1]
    lines: list[str] = []

    assert run(tmp_path, port, port, None, lines.append, STAND_INS) == 1
    assert "--ingest-port" in lines[0]


def test_a_data_directory_that_is_a_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    lines: list[str] = []

    assert run(tmp_path / "file", 0, 0, None, lines.append, STAND_INS) == 1
    assert "name another directory with --data" in lines[0]


def test_a_valkey_that_cannot_read_its_data_is_not_started_again_and_again(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text("not a manifest\n")
    lines: list[str] = []

    assert run(tmp_path, 0, 0, None, lines.append, STAND_INS) == 1
    assert "Valkey did not start" in lines[-1]
    with pytest.raises(CannotStart, match="manifest"), embedded_valkey(tmp_path):
        pass


def test_a_given_server_is_used_and_no_directory_is_made(tmp_path: Path, redis_url: str) -> None:
    given = Supervisor(tmp_path / "data", 0, 0, redis_url, list[str]().append, STAND_INS)
    with given.started() as addresses:
        assert addresses.redis == redis_url

    assert not (tmp_path / "data").exists()


def test_a_crashed_service_starts_again_without_the_workers_it_left(tmp_path: Path) -> None:
    lines: list[str] = []
    with supervisor(tmp_path, lines).started() as addresses:
        eventually(lambda: len(pids(lines, "api")) == 2)
        worker, service = pids(lines, "api")
        os.kill(service, signal.SIGKILL)
        eventually(lambda: len(pids(lines, "api")) == 4)
        eventually(lambda: is_ready(int(addresses.api.rpartition(":")[2])))

        assert not alive(worker)
        assert "api     | ended by SIGKILL; starts again in 0.01 s" in lines


def test_a_crashed_valkey_starts_again_with_its_data(tmp_path: Path) -> None:
    with supervisor(tmp_path, []).started() as addresses:
        with Redis.from_url(addresses.redis) as client:
            client.set("kept", "1")
        killed = valkey_of(addresses.redis)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: not alive(killed))
        assert embedded.wait_until_ready(addresses.redis, lambda: True)

        assert valkey_of(addresses.redis) != killed
        with Redis.from_url(addresses.redis) as client:
            assert client.get("kept") == b"1"


def test_a_service_that_refuses_its_configuration_stops_everything(tmp_path: Path) -> None:
    lines: list[str] = []
    code = run(tmp_path, 0, 0, None, lines.append, REFUSING)

    assert code == os.EX_CONFIG
    assert "scorer  | partitions differ" in lines
    assert none_alive(pids(lines))()
    with locked(tmp_path):
        pass  # nor does a Valkey hold it


def test_it_can_be_asked_to_stop_before_it_is_ready(tmp_path: Path) -> None:
    asked = supervisor(tmp_path, [])
    asked.ask_to_stop()

    with pytest.raises(Stopped) as stopped, asked.started():
        pass
    assert stopped.value.code == 0


def test_a_signal_that_another_thread_is_given_ends_it_too(tmp_path: Path) -> None:
    """Such a signal does not wake the main thread, which alone runs its handler."""
    asked, main = supervisor(tmp_path, []), threading.get_ident()

    def wakes_only_this_thread() -> None:
        eventually(lambda: sys._current_frames()[main].f_code is Supervisor.wait.__code__)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    unheard = threading.Timer(10, asked._carry_on, ("api", os.EX_CONFIG))
    with stopped_by_signals(asked):
        threading.Thread(target=wakes_only_this_thread).start()
        unheard.start()
        code = asked.wait()
    unheard.cancel()

    assert code == 0


@ENDINGS
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with foreground(tmp_path) as running:
        running.process.send_signal(number)

        assert running.process.wait() == 0
        assert none_alive(running.children)()


def test_it_prints_where_everything_answers_once(tmp_path: Path) -> None:
    with foreground(tmp_path) as running:
        [api], [ingest], [redis] = map(running.said, ("API ", "Ingest ", "Redis "))

    assert re.fullmatch(r"API     http://127\.0\.0\.1:\d+", api)
    assert re.fullmatch(r"Ingest  http://127\.0\.0\.1:\d+", ingest)
    assert redis == f"Redis   unix://{tmp_path}/valkey.sock"


def test_a_terminals_ctrl_c_reaches_no_child(tmp_path: Path) -> None:
    with foreground(tmp_path) as running:
        mine = os.getpgid(running.process.pid)

        assert mine not in {os.getpgid(child) for child in running.children}


def test_nothing_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    with foreground(tmp_path) as running:
        running.process.kill()
        running.process.wait()

        eventually(none_alive(running.children))
    with embedded_valkey(tmp_path):
        pass  # and the directory is free again


def test_a_child_that_does_not_stop_is_killed() -> None:
    lines: list[str] = []
    with Guard() as guard:
        command = Command("api", [sys.executable, "-c", STUBBORN])
        child = Child(command, ChildLog(lines.append), guard, lambda *_: True, Backoff())
        child.start()
        eventually(lambda: "api     | deaf" in lines)
        stop([child], grace_seconds=0.01)

    assert not child.running
    assert lines[-1].endswith("killed")


def test_a_crashing_child_rests_twice_as_long_each_time_until_it_was_healthy() -> None:
    backoff, rests = Backoff(), [0.0]
    for _ in range(7):
        rests.append(backoff.after(rests[-1], lived=1))

    assert rests[1:] == [0.5, 1, 2, 4, 8, 10, 10]
    assert backoff.after(10, lived=30) == 0.5


def test_the_guard_ends_what_began_and_is_not_over() -> None:
    assert left_over(["+1\n", "+2\n", "-1\n", "+3\n"]) == [2, 3]


def test_a_log_without_a_reader_drops_lines() -> None:
    def gone(line: str) -> None:
        raise BrokenPipeError

    log = ChildLog(gone)
    log.write("api", "one")
    log.write("api", "two")


def test_names_are_coloured_on_a_terminal_only() -> None:
    lines: list[str] = []
    ChildLog(lines.append, colour=True).write("api", "up")
    ChildLog(lines.append).write("api", "up")

    assert lines == ["\x1b[36mapi     |\x1b[0m up", "api     | up"]
