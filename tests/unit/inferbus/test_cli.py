"""How every command starts and ends."""

import errno
import json
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from bus.errors import BusUnavailableError
from bus.runtime.settings_names import SettingsError
from inferbus.cli import guarded
from inferbus.errors import ProblemError, WrongUsageError
from schemas.callback import CallbackError

HEAVY = ("pydantic", "aiohttp", "kafka", "sqlalchemy", "structlog", "msgspec", "orjson", "rich")


def test_help_imports_nothing_heavy() -> None:
    """Help answers at once; the heavy rooms are imported by their commands."""
    code = (
        "import sys, inferbus.cli as c\n"
        "assert c.run(['--help']) == 0\n"
        f"print('loaded', [m for m in {HEAVY} if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.endswith("loaded []\n")


def test_help_lists_every_command_and_none_that_is_not_there(cli: Any) -> None:
    """A command that help names works; what comes later is not listed."""
    ran = cli("--help")

    listed = ran.out.partition("Commands:")[2].split("\n")
    names = {line.split()[0] for line in listed if line.startswith("  ") and line[2] != " "}
    assert names == {
        *("up", "ingest", "storage", "alerting", "topics", "db", "config", "health", "url"),
        *("simulate", "get", "list", "stats", "tail", "quarantine", "deadletter", "spool", "blobs"),
        "audit",
    }


def test_version_is_one_line(cli: Any) -> None:
    ran = cli("--version")

    assert ran.status == 0
    assert ran.out.startswith("inferbus ")
    assert ran.out.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [
        ["no-such-command"],
        ["get"],
        ["list", "--limit", "0"],
        ["list", "--limit", "many"],
        ["up", "--port", "70000"],
        ["url", "mint"],
        ["simulate", "--fail-ratio", "2"],
        ["--no-such-option"],
    ],
)
def test_wrong_usage_exits_2_with_one_line(cli: Any, args: list[str]) -> None:
    """A script sees status 2, a person one line that says where help is."""
    ran = cli(*args)

    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("inferbus: ")


@pytest.mark.parametrize("group", [[], ["url"], ["topics"]])
def test_without_a_command_its_help_is_shown(cli: Any, group: list[str]) -> None:
    """As people read it, not folded into the one line that says what is wrong."""
    ran = cli(*group)

    assert ran.status == 2
    assert "\nCommands:\n" in ran.out
    called = " ".join(["inferbus", *group])
    assert ran.err == f"inferbus: Missing command. (see `{called} --help`)\n"


def test_wrong_usage_points_to_the_help_of_the_command(cli: Any) -> None:
    assert "(see `inferbus url mint --help`)" in cli("url", "mint").err


def test_h_is_help(cli: Any) -> None:
    assert cli("up", "-h").out == cli("up", "--help").out


def test_an_unknown_setting_exits_2_with_a_suggestion(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFERBUS_INGEST__PROT", "1")

    ran = cli("config", "show")

    assert ran.status == 2
    assert "INFERBUS_INGEST__PROT" in ran.err
    assert "did you mean INFERBUS_INGEST__PORT?" in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SettingsError("a"), 2),
        (WrongUsageError("a"), 2),
        (CallbackError("a"), 2),
        (ProblemError("a"), 1),
        (BusUnavailableError("a"), 1),
        (OSError("a"), 1),
        (RuntimeError("a\nb"), 1),
    ],
)
def test_an_error_is_one_line_and_a_status(
    capsys: pytest.CaptureFixture[str], error: Exception, status: int
) -> None:
    """No traceback, whatever went wrong: the line says what to do."""

    def fails() -> int:
        raise error

    assert guarded(fails) == status
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/d/up.lock"), "/d/up.lock: Perm"),
        (FileExistsError(errno.EEXIST, "File exists", "/d"), "/d: File exists; something else"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device; make room"),
    ],
)
def test_what_the_system_refuses_is_said_with_what_to_do(
    capsys: pytest.CaptureFixture[str], error: OSError, line: str
) -> None:
    """Whose path it is and the way out, instead of a number."""

    def fails() -> int:
        raise error

    assert guarded(fails) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"inferbus: {line}")
    assert "--data-dir" in said


@pytest.mark.parametrize(
    ("cause", "advice"),
    [
        ("no such table: events", "run `inferbus db upgrade` first"),
        ('database "events" does not exist', "create it, or correct INFERBUS_STORAGE__URL"),
        ("file is not a database", "name another with --data-dir or INFERBUS_STORAGE__URL"),
        ("unable to open database file", "look at the rights on its file and folder"),
        ("table events already exists", "it is not ours: name another"),
        ("connection failed: Connection refused", "start it, or correct INFERBUS_STORAGE__URL"),
    ],
)
def test_what_the_database_says_comes_with_what_to_do(
    capsys: pytest.CaptureFixture[str], cause: str, advice: str
) -> None:
    def fails() -> int:
        raise OperationalError("SELECT 1", None, Exception(cause))

    assert guarded(fails) == 1
    assert f"inferbus: database: {cause}; {advice}" in capsys.readouterr().err


def test_an_error_shows_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    """Clients put their URL into what they raise."""

    def fails() -> int:
        raise OSError("no route to postgresql://me:hush@db/inferbus")

    guarded(fails)

    assert "hush" not in capsys.readouterr().err


def test_debug_shows_where(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for it gets the traceback."""
    monkeypatch.setenv("INFERBUS_LOG__LEVEL", "debug")

    def fails() -> int:
        raise ProblemError("a")

    guarded(fails)

    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_leaves_ends_the_command_quietly() -> None:
    """`inferbus list --json | head -1` prints no complaint of the interpreter."""
    code = (
        "import inferbus.cli as c, sys\n"
        "def flood():\n"
        "    while True: sys.stdout.write('x' * 1000 + '\\n')\n"
        "sys.exit(c.guarded(flood))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()

        assert child.stderr.read() == b""
        assert child.wait() == 1


def test_ctrl_c_during_the_imports_is_no_traceback() -> None:
    """They are most of the first tenth of a second."""
    code = (
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from inferbus.__main__ import main\n"
        "main()"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_a_container_is_asked_without_what_commands_need() -> None:
    """It happens every five seconds in each of them."""
    code = (
        "import sys\n"
        "from inferbus.__main__ import main\n"
        "sys.argv[1:] = ['health', '--url', 'http://127.0.0.1:1', '--json']\n"
        "try: main()\n"
        "finally: print(*{'typer', 'pydantic', 'rich'} & set(sys.modules), file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)

    assert done.returncode == 1
    assert json.loads(done.stdout)["status"] == "unreachable"
    (said, imported) = done.stderr.splitlines()
    assert said.startswith("inferbus: http://127.0.0.1:1/readyz does not answer")
    assert imported == ""
