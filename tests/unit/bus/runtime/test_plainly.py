"""structlog works without rich, and rich does for everybody else."""

import subprocess
import sys

_PROGRAM = """
import sys
from bus.runtime.plainly import log_plainly

log_plainly()
from bus.runtime.logs import configure_logs
import structlog

assert "rich" not in sys.modules
configure_logs("info", "console")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("divided")
import rich.table

log_plainly()  # too late changes nothing
print(len(sys.meta_path))
"""


def test_structlog_imports_no_rich_and_leaves_it_to_others() -> None:
    plain = subprocess.run(
        [sys.executable, "-c", "import sys; print(len(sys.meta_path))"],
        check=True,
        capture_output=True,
    )
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == int(plain.stdout)
    assert "divided" in done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr
