"""Object storage, narrowed to what Fleet needs: list, stat, ranged reads, atomic puts.

Local files are named by their absolute paths. s3://, obs://, gs:// and az:// are reached through
obstore, memory:// and other schemes through fsspec. Requests that fail are retried where that helps
(`retry`). A store can be made to fail on purpose (`fault_injection`).
"""

from fleet.storage.candidates import IMAGE_EXTENSIONS, VIDEO_EXTENSIONS, Media
from fleet.storage.endpoints import is_exposed
from fleet.storage.fault_injection import FAULTS_VARIABLE, Faults
from fleet.storage.folder import Entry, Folder, Writable
from fleet.storage.listing import Listing, Search, expand
from fleet.storage.location import canonical
from fleet.storage.reader import Reader, read_file, read_text
from fleet.storage.redaction import (
    redact,
    refuse_credentials,
    refuse_credentials_in_address,
)
from fleet.storage.selection import EVERY_VIDEO, InputFilter, check_glob, parse_moment

__all__ = [
    "EVERY_VIDEO",
    "FAULTS_VARIABLE",
    "IMAGE_EXTENSIONS",
    "VIDEO_EXTENSIONS",
    "Entry",
    "Faults",
    "Folder",
    "InputFilter",
    "Listing",
    "Media",
    "Reader",
    "Search",
    "Writable",
    "canonical",
    "check_glob",
    "expand",
    "is_exposed",
    "parse_moment",
    "read_file",
    "read_text",
    "redact",
    "refuse_credentials",
    "refuse_credentials_in_address",
]
