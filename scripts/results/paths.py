"""Where things are; every path that is recorded is relative to the repository's root."""
import functools
import hashlib
import json
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
RECORDS = ROOT / "docs" / "results"
WORK = TARGET / "results"
PAGE = ROOT / "docs" / "results.md"


def shown(path):
    """The path as a person in the repository's root would write it."""
    return os.path.relpath(path, ROOT)


@functools.cache
def _digest(path, _size, _time):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def digest(path):
    """Start of a file's SHA-256."""
    path = ROOT / path
    about = path.stat()
    return _digest(path, about.st_size, about.st_mtime_ns)


def read_json(path):
    """What a JSON file holds; None if it is not there or is none."""
    try:
        return json.loads(Path(path).read_text())
    except (OSError, ValueError):
        return None


def write_json(path, value):
    """Writes a JSON file so that a reader finds the old one or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=1) + "\n")
    temporary.rename(path)
