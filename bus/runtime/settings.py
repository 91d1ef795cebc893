"""
One tree of settings for every process, read once at start.

Sources, strongest first: command line, environment, `.env`, files in the secrets directory.
"""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bus.runtime.settings_names import ENV_PREFIX, SettingsError, unknown_names
from bus.runtime.settings_sections import (
    AlertingSettings,
    BlobSettings,
    IngestSettings,
    KafkaSettings,
    LogSettings,
    SpoolSettings,
    StorageSettings,
    TopicSettings,
)


class _SecretFiles(EnvSettingsSource):
    """Files named like the environment variables, in the secrets directory."""

    def _load_env_vars(self) -> dict[str, str | None]:
        return {name.lower(): text for name, text in read_secret_files().items()}


def _spelled(path: Path) -> Path:
    """Return the path; raises ValueError where it cannot be written down, in up.json and logs."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ValueError("its path is no UTF-8: choose a directory whose path is") from None
    return path


class Settings(BaseSettings):
    """Every setting, by section."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,  # compose passes an unset variable on as an empty one
        env_file=".env",
        extra="ignore",  # unknown names are refused by name, with a suggestion, before this
        frozen=True,
    )

    data_dir: Annotated[Path, AfterValidator(_spelled)] = Path(".inferbus")
    """Where this machine keeps its own files: database, spool, blobs, signing key."""
    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    ingest: IngestSettings = IngestSettings()
    spool: SpoolSettings = SpoolSettings()
    blobs: BlobSettings = BlobSettings()
    storage: StorageSettings = StorageSettings()
    alerting: AlertingSettings = AlertingSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources, strongest first."""
        del file_secret_settings  # it cannot fill sections
        return (init_settings, env_settings, dotenv_settings, _SecretFiles(settings_cls))

    @property
    def database_url(self) -> str:
        """The storage URL, the SQLite file in the data directory unless set."""
        if self.storage.url is not None:
            return self.storage.url.get_secret_value()
        return f"sqlite:///{self.data_dir.resolve() / 'inferbus.db'}"

    @property
    def spool_dir(self) -> Path:
        """The spool's folder, in the data directory unless set."""
        return (self.spool.dir or self.data_dir / "spool").resolve()

    @property
    def blobs_url(self) -> str:
        """The blob store's URL, a folder in the data directory unless set."""
        return self.blobs.url or (self.data_dir.resolve() / "blobs").as_uri()


def load_settings(**overrides: Any) -> Settings:
    """
    Read all sources; `overrides` are nested dictionaries that beat them.

    Raises `SettingsError` with one line that names the setting and says what to do.
    """
    refuse_unknown_names()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(_first_problem(error)) from error


def refuse_unknown_names() -> None:
    """Raise `SettingsError` where a source holds an `INFERBUS_*` name that means nothing."""
    given = {**read_secret_files(), **dict.fromkeys(dotenv_names(), ""), **os.environ}
    problems = unknown_names(given, setting_names())
    if problems:
        raise SettingsError("; ".join(problems))


def setting_names() -> tuple[str, ...]:
    """Every environment name there is, in upper case."""
    names = []
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            names += [f"{ENV_PREFIX}{name}__{leaf}".upper() for leaf in section.model_fields]
        else:
            names.append(f"{ENV_PREFIX}{name}".upper())
    return tuple(names)


def read_secret_files() -> dict[str, str]:
    """Return {setting name: text} for the files in the secrets directory."""
    folder = Path(os.environ.get("INFERBUS_SECRETS_DIR", "/run/secrets"))
    if not folder.is_dir():
        return {}
    files = [f for f in folder.iterdir() if f.name.upper().startswith(ENV_PREFIX) and f.is_file()]
    return {f.name.upper(): _text_of(f).strip() for f in files}


def dotenv_names() -> list[str]:
    """Return our names that `.env` sets, as they are written there."""
    dotenv = Path(".env")
    if not dotenv.is_file():
        return []
    lines = _text_of(dotenv).splitlines()
    words = [line.removeprefix("export ").split("=", 1)[0].strip() for line in lines]
    return [word for word in words if word.startswith(ENV_PREFIX)]


def _text_of(file: Path) -> str:
    """Return what stands in a file; raises `SettingsError` where that is no text we can read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"{file} is not written in UTF-8: save it so") from None


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ENV_PREFIX + "__".join(str(part) for part in first["loc"][:2]).upper()
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    message = first["msg"].removeprefix("Value error, ")
    return f"{name}: {message}{more}"
