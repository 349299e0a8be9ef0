"""What a test does with a store that only hosts of its own network reach; run on one of them.

python store_client.py put BUCKET FILE...      makes the bucket, and puts files into its clips/
python store_client.py count OUTPUT            prints how many leases are committed
python store_client.py fingerprint OUTPUT      prints the tables of an output, as JSON
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from s3_server import S3Server

from fleet.storage import Folder
from fleet.table.maintenance.content_hash import fingerprint


def main() -> None:
    """Do as told."""
    task, place, *files = sys.argv[1:]
    if task == "fingerprint":
        sys.stdout.write(json.dumps(fingerprint(place)))
        return
    if task == "count":
        sys.stdout.write(str(sum(1 for _ in Folder(place).list("frames/"))))
        return
    keys = (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    S3Server(os.environ["AWS_ENDPOINT_URL"], *keys, keys).make_bucket(place)
    for file in map(Path, files):
        Folder(f"s3://{place}/clips").put(file.name, file.read_bytes())


if __name__ == "__main__":
    main()
