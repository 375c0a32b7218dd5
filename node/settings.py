"""What an operator decides: one TOML file, overridden by `EURODAC_*` variables.

    member_state = "DK"
    data_folder = "/var/lib/eurodac"
    [central]
    address = "central.example:7443"

A variable is the path of its key in capitals: `EURODAC_CENTRAL_ADDRESS`. Unknown keys and
variables are refused, because a misspelt limit that is silently ignored is no limit.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from datetime import date
from pathlib import Path
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.states import state
from node.errors import SettingsWrong

PREFIX = "EURODAC_"


def _bounded(default: float, low: float, high: float) -> Any:
    return field(default=default, metadata={"low": low, "high": high})


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of one end of a connection: who we are, and whom we trust."""

    certificate: Path
    key: Path
    authorities: Path


@dataclass(frozen=True, slots=True)
class CentralSettings:
    """Where the central system is. Without tls the line is plaintext, for trials only.

    timeout_seconds: of one call; ten large images on a slow line take half of it.
    retry_first_seconds, retry_most_seconds: waits between attempts while the centre is down; the
    longest keeps an urgent request (one hour) far from its limit when the line comes back.
    """

    address: str = "127.0.0.1:7400"
    tls: TlsFiles | None = None
    timeout_seconds: float = _bounded(60.0, 0.1, 600.0)
    retry_first_seconds: float = _bounded(1.0, 0.01, 60.0)
    retry_most_seconds: float = _bounded(60.0, 0.01, 900.0)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Lowest scores that count, as -10·log10 of the false match rate of one comparison.

    identify: 60 is one false candidate in a million comparisons, so that a search of a national
    gallery of some hundred thousand persons seldom brings a stranger. compare: 40 is one in
    10,000, the usual working point of a 1:1 check.
    """

    identify: float = _bounded(60.0, 0.0, 200.0)
    compare: float = _bounded(40.0, 0.0, 200.0)


@dataclass(frozen=True, slots=True)
class QualityGate:
    """What a capture must reach to be sent on (Art. 38(1): suitable quality).

    finger: lowest quality score of a good finger, 0-100; live prints of public research sets score
    33 and more, so that 30 turns away only what is hardly a print. good_fingers: how many good
    ones there must be of those present; four fused fingers already tell persons apart, and more
    would send back people whom manual work has worn. face: lowest score of the photograph; 0
    while faces are stored but not compared (Art. 63(5)).
    """

    finger: int = _bounded(30, 0, 100)
    good_fingers: int = _bounded(4, 1, 10)
    face: int = _bounded(0, 0, 100)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller may ask of the node at once.

    message_mib: one message that comes in; a capture of ten rolled prints at 1000 dpi, four slaps
    and a photograph has about 20 MiB, uncompressed 40, and the centre takes no more than 64.
    candidates: of one search. page: of one list of tasks. threads: acts at one time.
    """

    message_mib: int = _bounded(64, 1, 64)
    candidates: int = _bounded(100, 1, 1000)
    page: int = _bounded(1000, 1, 10_000)
    threads: int = _bounded(8, 1, 64)


@dataclass(frozen=True, slots=True)
class GallerySettings:
    """Where the gallery is. cluster: host and port of the head of a Ray cluster of the node's own,
    whose machines hold it (extra `cluster`); None: the memory of this process. minutiae_on_disk:
    whether minutiae, five sixths of the gallery, stay in the sealed snapshot, from which a search
    reads those of its short list: slower, and ten million persons in 7 GB of memory. scratch: a
    folder on a fast, encrypted disk where fine codes, most of what is left, lie in files without
    names that end with the process, 84 MB for the first person of a kind and for every 131,072 that
    follow; for galleries beyond memory."""

    cluster: str | None = None
    minutiae_on_disk: bool = False
    scratch: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings.

    key_file: of the vault; better kept on another medium than data_folder. models: the folder of
    prepared nets. listen: where the door opens; without tls it stays shut unless unsafe_plaintext.
    """

    member_state: str
    data_folder: Path
    key_file: Path | None = None
    models: Path | None = None
    listen: str = "127.0.0.1:7443"
    tls: TlsFiles | None = None
    unsafe_plaintext: bool = False
    central: CentralSettings = CentralSettings()
    thresholds: Thresholds = Thresholds()
    quality: QualityGate = QualityGate()
    limits: Limits = Limits()
    gallery: GallerySettings = GallerySettings()
    policy: Policy = field(default_factory=Policy)

    @property
    def vault_key(self) -> Path:
        """The vault's key file."""
        return self.key_file or self.data_folder / "vault.key"

    @property
    def store_url(self) -> str:
        """The store's database."""
        return f"sqlite:///{self.data_folder / 'store.sqlite'}"


def read_settings(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings of a TOML file (None: of variables alone) and of the environment, fully checked."""
    table: dict[str, Any] = {}
    if path is not None:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsWrong(f"{path}: {error}") from error
    variables = {key: value for key, value in environment.items() if key.startswith(PREFIX)}
    settings = cast(Settings, _read(Settings, table, "", variables))
    if variables:
        raise SettingsWrong(f"unknown variables: {', '.join(sorted(variables))}")
    _check_state(settings.member_state)
    return settings


def _check_state(letters: str) -> None:
    try:
        state(letters)
    except RuleBroken as error:
        raise SettingsWrong(f"member_state: {letters!r} is no participating State") from error


def _read(kind: type, table: Any, path: str, variables: dict[str, str]) -> object:
    """A settings dataclass from its table; takes its variables out of `variables`."""
    if not isinstance(table, dict):
        raise SettingsWrong(f"{path}: must be a table")
    known = {entry.name: entry for entry in fields(kind)}
    for key in table.keys() - known.keys():
        raise SettingsWrong(f"{_join(path, key)}: unknown; known are {', '.join(known)}")
    hints = get_type_hints(kind)
    values = {}
    for name, entry in known.items():
        found = _find(hints[name], table, _join(path, name), variables)
        if found is not MISSING:
            values[name] = _check_range(found, entry, _join(path, name))
        elif entry.default is MISSING and entry.default_factory is MISSING:
            raise SettingsWrong(f"{_join(path, name)}: must be set ({_variable(path, name)})")
    return kind(**values)


def _find(hint: Any, table: dict[str, Any], path: str, variables: dict[str, str]) -> Any:
    """The value of one setting, or MISSING: its variable first, then its key."""
    name = path.rpartition(".")[2]
    kinds = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    section = next((kind for kind in kinds if is_dataclass(kind)), None)
    if section is not None:
        below = PREFIX + path.replace(".", "_").upper() + "_"
        if name in table or any(key.startswith(below) for key in variables):
            return _read(cast(type, section), table.get(name, {}), path, variables)
        return MISSING
    variable = PREFIX + path.replace(".", "_").upper()
    if variable in variables:
        return _parse(variables.pop(variable), kinds, variable)
    return _convert(table[name], kinds, path) if name in table else MISSING


def _parse(text: str, kinds: tuple[Any, ...], variable: str) -> Any:
    """A variable's text as the kind of its setting."""
    if type(None) in kinds and not text:
        return None
    if bool in kinds:
        if text not in {"true", "false"}:
            raise SettingsWrong(f"{variable}: must be true or false")
        return text == "true"
    for kind, read in ((int, int), (float, float), (date, date.fromisoformat)):
        if kind in kinds:
            try:
                return read(text)
            except ValueError:
                raise SettingsWrong(f"{variable}: must be a {kind.__name__}") from None
    if any(get_origin(kind) is tuple for kind in kinds):
        parts = [_parse(part.strip(), (float,), variable) for part in text.split(",")]
        return _convert(parts, kinds, variable)
    return _convert(text, kinds, variable)


def _convert(value: Any, kinds: tuple[Any, ...], path: str) -> Any:
    """A TOML value as the kind of its setting."""
    if isinstance(value, str) and Path in kinds:
        return Path(value)
    if isinstance(value, int) and not isinstance(value, bool) and float in kinds:
        return float(value)
    pair = next((kind for kind in kinds if get_origin(kind) is tuple), None)
    if pair is not None and isinstance(value, list) and len(value) == len(get_args(pair)):
        return tuple(_convert(part, (float,), path) for part in value)
    if type(value) not in kinds:
        wanted = " or ".join(getattr(kind, "__name__", str(kind)) for kind in kinds)
        raise SettingsWrong(f"{path}: must be {wanted}, not {type(value).__name__}")
    return value


def _check_range(value: Any, entry: Field[Any], path: str) -> Any:
    low, high = entry.metadata.get("low"), entry.metadata.get("high")
    if low is not None and high is not None and not low <= value <= high:
        raise SettingsWrong(f"{path}: {value} is not within {low} and {high}")
    return value


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _variable(path: str, name: str) -> str:
    return PREFIX + _join(path, name).replace(".", "_").upper()
