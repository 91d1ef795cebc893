"""`make install` compiles what programs import, also where Python is told to write no bytecode."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.schemas import ROOT


def test_what_a_package_imports_is_compiled_and_so_are_the_migrations(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "scripts.bytecode", "schemas"],
        cwd=ROOT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": str(tmp_path)},
        check=True,
    )
    compiled = {
        path.parent.name + "/" + path.name.split(".")[0] for path in tmp_path.rglob("*.pyc")
    }
    assert {"schemas/event", "msgspec/json", "migrations/env"} <= compiled
