"""Object storage, narrowed to what Fleet needs: list, stat, ranged reads, atomic puts.

fsspec is the interface; obstore does the work for s3://, gs:// and az:// (it is the fastest
client). Local files are named by their absolute path, everything else by its URL.
"""

from fleet.storage.folder import Entry, Folder
from fleet.storage.listing import VIDEO_EXTENSIONS, Listing, expand
from fleet.storage.place import canonical
from fleet.storage.reader import Reader, read_file, read_text

__all__ = [
    "VIDEO_EXTENSIONS",
    "Entry",
    "Folder",
    "Listing",
    "Reader",
    "canonical",
    "expand",
    "read_file",
    "read_text",
]
