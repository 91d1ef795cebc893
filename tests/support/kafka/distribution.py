"""Kafka as installed in the cache folder: how to run one of its programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SERVER = "kafka.Kafka"
STORAGE_TOOL = "kafka.tools.StorageTool"

# Measured for one node: starts in 1.3 s instead of 3.2, 145 MiB instead of 350.
_LIGHT = ("-Xms64m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
# As Kafka's own kafka-server-start.sh does it: slower to start, and twice as fast in the end.
_AS_SHIPPED = (
    *("-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
    *("-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent"),
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """Where things are. `template` is a formatted data folder."""

    java: Path
    lib: Path
    template: Path
    archive: Path

    def command(
        self, program: str, *arguments: str, flags: Sequence[str] = (), is_light: bool = True
    ) -> list[str]:
        """Return the command line that runs the class `program`."""
        # A wrong or missing class archive is ignored by Java, so it needs no check.
        jvm = flags or (f"-XX:SharedArchiveFile={self.archive}",)
        logging = "-Dorg.slf4j.simpleLogger.defaultLogLevel=info"
        classpath = self._classpath()
        size = _LIGHT if is_light else _AS_SHIPPED
        return [str(self.java), *size, *jvm, logging, "-cp", classpath, program, *arguments]

    def _classpath(self) -> str:
        # Sorted, not lib/*: the archive is only used with the very same class path,
        # and Java expands the star in whatever order the folder has.
        return ":".join(str(jar) for jar in sorted(self.lib.glob("*.jar")))
