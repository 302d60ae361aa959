"""Where the files that a configuration names are, and what secrets they hold.

A relative path starts in state_dir. A file that is read is also looked for beside gateway.toml, a secret
first of all in $CREDENTIALS_DIRECTORY under its last name (systemd's LoadCredential=). What the daemon writes
is in state_dir, its socket in $RUNTIME_DIRECTORY.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from drivers.settings import File
from gateway.secrets import SecretError, read_secret_file
from gateway.settings import Fault, KeyPath, leaves, marks_of

__all__ = ["Folders", "file_keys", "fill_secrets", "resolve"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Folders:
    """The four places; all absolute, credentials may be missing."""

    config: Path
    state: Path
    runtime: Path
    credentials: Path | None

    @classmethod
    def of(cls, file: Path, state_dir: object, env: Mapping[str, str]) -> Folders:
        """From the file's own path, its gateway.state_dir (if any) and systemd's variables."""
        config = file.absolute().parent
        state = config / state_dir if isinstance(state_dir, str) else _variable(env, "STATE_DIRECTORY")
        state = state or config / "var"
        runtime = _variable(env, "RUNTIME_DIRECTORY") or state
        return cls(config, state, runtime, _variable(env, "CREDENTIALS_DIRECTORY"))

    def find(self, path: Path, role: str) -> Path:
        """The absolute path; of the places where it may be, the first where it is, else state_dir's."""
        if path.is_absolute():
            return path
        places = [self.state / path]
        if role != "state":
            places.append(self.config / path)
        if role == "secret" and self.credentials is not None:
            places.insert(0, self.credentials / path.name)
        return next((place for place in places if _may_be_there(place)), self.state / path)


def _may_be_there(place: Path) -> bool:
    """Whether a file is there, or is hidden from us: then reading it says so, in words."""
    try:
        return place.exists()
    except PermissionError:
        return True


def _variable(env: Mapping[str, str], name: str) -> Path | None:
    """The folder in one of systemd's variables; of several, joined by colons, the first."""
    first = env.get(name, "").split(":")[0]
    return Path(first).absolute() if first else None


def resolve(settings: T, folders: Folders) -> T:
    """The same settings, every path in them absolute."""
    changes: dict[str, Any] = {}
    for field in fields(settings):  # type: ignore[arg-type]  # any dataclass
        value = getattr(settings, field.name)
        marks = marks_of(type(settings), field.name)
        role = next((mark.role for mark in marks if isinstance(mark, File)), None)
        if role is not None and value is not None:
            changes[field.name] = folders.find(value, role)
        elif is_dataclass(value):
            changes[field.name] = resolve(value, folders)
        elif isinstance(value, Mapping):
            changes[field.name] = {
                name: resolve(entry, folders) if is_dataclass(entry) else entry
                for name, entry in value.items()
            }
        elif isinstance(value, tuple):
            changes[field.name] = tuple(
                resolve(entry, folders) if is_dataclass(entry) else entry for entry in value
            )
    return replace(settings, **changes)  # type: ignore[type-var]  # any dataclass


def fill_secrets(settings: T, where: KeyPath, faults: list[Fault]) -> T:
    """X from X_file, for one table that has both; what the file holds is judged like X itself.

    A file that can't be read is left for `warnings`: a check may well run where the secrets are not.
    """
    changes: dict[str, str] = {}
    names = {field.name for field in fields(settings)}  # type: ignore[arg-type]  # any dataclass
    for key in sorted(name for name in names if name.endswith("_file") and name[:-5] in names):
        path = getattr(settings, key)
        if path is None:
            continue
        if getattr(settings, key[:-5]):
            faults.append(Fault((*where, key), f"stands beside {key[:-5]}: give one of them"))
            continue
        try:
            secret = read_secret_file(path)
        except SecretError as error:
            if not isinstance(error.__cause__, OSError):
                faults.append(Fault((*where, key), str(error)))
            continue
        try:
            for mark in marks_of(type(settings), key[:-5]):
                mark.read(secret)
        except ValueError as error:
            faults.append(Fault((*where, key), f"what {path} holds {error}"))
            continue
        changes[key[:-5]] = secret
    return replace(settings, **changes) if changes else settings  # type: ignore[type-var]  # any dataclass


def file_keys(settings: Any) -> Iterator[tuple[KeyPath, Path, str]]:
    """Every (key, path, role) in the settings that names a file."""
    for path, value, marks in leaves(settings):
        for mark in marks:
            if isinstance(mark, File):
                yield path, value, mark.role
        if isinstance(value, tuple):
            for index, entry in enumerate(value):
                if is_dataclass(entry):
                    yield from ((((*path, index, *key)), file, role) for key, file, role in file_keys(entry))
