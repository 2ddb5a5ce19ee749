"""Messages and blobs that no request refers to any more. What was touched since ``since`` is
spared: a request that is being accepted may refer to it."""

from sqlalchemy import text

NODES = text("""
WITH RECURSIVE live(hash) AS (
    SELECT node FROM requests
    UNION
    SELECT n.parent FROM nodes n JOIN live ON live.hash = n.hash WHERE n.parent IS NOT NULL
), gone AS (
    DELETE FROM nodes WHERE touched_at < CAST(:since AS timestamptz)
        AND NOT EXISTS (SELECT FROM live WHERE live.hash = nodes.hash)
    RETURNING 1
)
SELECT count(*) AS n FROM gone
""")
BLOBS = text("""
WITH gone AS (
    DELETE FROM blobs WHERE touched_at < CAST(:since AS timestamptz)
        AND NOT EXISTS (SELECT FROM nodes WHERE nodes.message = blobs.hash)
        AND NOT EXISTS (SELECT FROM requests WHERE requests.response = blobs.hash)
        AND hash NOT IN (SELECT unnest(parts) FROM requests)
    RETURNING 1
)
SELECT count(*) AS n FROM gone
""")
