"""Files and folders as a source of objects: live for servers, once for commands."""

from pidalio.platforms.files.paths import Read, load_paths, read_paths
from pidalio.platforms.files.settling import Patience
from pidalio.platforms.files.source import Deliver, FileSource, Pace

__all__ = ["Deliver", "FileSource", "Pace", "Patience", "Read", "load_paths", "read_paths"]
