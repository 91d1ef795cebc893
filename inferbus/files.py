"""Small private files, written whole or not at all."""

from pathlib import Path

from bus.runtime.files import sync_folder, write_beside


def make_private_dir(path: Path) -> None:
    """Make the directory, readable by us alone; one that is there is left as it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_once(path: Path, content: bytes) -> bool:
    """Make the file as `replace_durably` does, unless it is there; tell whether it was made."""
    if path.exists():
        return False
    temporary = write_beside(path, content)
    try:
        path.hardlink_to(temporary)  # unlike a rename it never replaces what another has made
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    sync_folder(path.parent)
    return True
