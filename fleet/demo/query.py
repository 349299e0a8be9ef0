"""A question about the result, in SQL."""

from __future__ import annotations

import glob


def busiest(output: str, least_score: float) -> tuple[str, str]:
    """Return a query for how busy each camera is, and its answer, both as text.

    `output`: its path. Boxes count that score at least `least_score`.
    """
    # Only the process that asks loads it. Where `loading` spares one the search for garbage at
    # its end, it says on stderr what of it is left then.
    import duckdb  # noqa: PLC0415

    parts = f"{glob.escape(output)}/detections/*.parquet".replace("'", "''")
    sql = f"""\
with frame as (
  select camera, time_s,
         count(*) filter (label = 'person') as people,
         count(*) filter (label in ('car', 'bus')) as vehicles
  from '{parts}'
  where score >= {least_score:g} group by all
)
select camera, round(avg(people), 1) as people, max(people) as most_people,
       round(first(time_s order by people desc, time_s), 1) as at_s, max(vehicles) as most_vehicles
from frame group by all order by camera"""  # noqa: S608 - the path is quoted
    with duckdb.connect() as database:
        return sql, str(database.sql(sql))
