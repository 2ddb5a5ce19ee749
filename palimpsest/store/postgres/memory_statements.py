"""The statements of the memories; each is one transaction.

Who writes what the index holds sets ``changed`` anew. Uses and outcomes are not in it.
"""

from sqlalchemy import text

_NOW = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"

SAVE = text(f"""
WITH given AS (
    SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS row (
        id text, tenant text, caller text, project text, kind text, text text, role text,
        conversation_id text, position int, part int, chain text, language text, files text[],
        said_at timestamptz, detail jsonb, signature text, confidence float, conversations int,
        uses int, successes int, failures int, confirmed boolean)
    WHERE tenant = :tenant
), allowed AS (
    SELECT * FROM given
    WHERE (:revive OR NOT EXISTS (
            SELECT FROM forgotten WHERE forgotten.id = given.id AND forgotten.final))
        AND NOT EXISTS (
            SELECT FROM unremembered u WHERE u.tenant = given.tenant AND (
                u.scope = 'conversation' AND u.name = given.conversation_id AND NOT :revive
                OR u.scope = 'project' AND u.name = given.project))
), alive AS (
    DELETE FROM forgotten USING allowed WHERE forgotten.id = allowed.id
), seen AS (
    INSERT INTO sightings (memory_id, conversation_id)
    SELECT id, conversation_id FROM allowed WHERE kind <> 'turn' AND conversation_id <> ''
    ON CONFLICT DO NOTHING
    RETURNING memory_id
), written AS (
    INSERT INTO memories AS known (
        id, tenant, caller, project, kind, text, role, conversation_id, position, part, chain,
        language, files, said_at, detail, signature, confidence, conversations, uses, successes,
        failures, confirmed)
    SELECT id, tenant, caller, project, kind, text, role, conversation_id, position, part,
           CASE WHEN chain <> '' THEN decode(chain, 'hex') END, language, files, said_at, detail,
           signature, confidence, conversations, uses, successes, failures, confirmed
    FROM allowed
    ON CONFLICT (id) DO UPDATE SET
        said_at = greatest(known.said_at, excluded.said_at),
        confirmed = known.confirmed OR excluded.confirmed,
        conversations = greatest(excluded.conversations, known.conversations
            + (SELECT count(*) FROM seen WHERE seen.memory_id = known.id)),
        changed = {_NOW}
    WHERE known.kind <> 'turn' AND (
        excluded.said_at > known.said_at
        OR excluded.confirmed AND NOT known.confirmed
        OR excluded.conversations > known.conversations
        OR EXISTS (SELECT FROM seen WHERE seen.memory_id = known.id))
    RETURNING xmax = 0 AS new
)
SELECT count(*) FILTER (WHERE new) AS new FROM written
""")

SEE = text(f"""
WITH seen AS (
    INSERT INTO sightings (memory_id, conversation_id)
    SELECT id, :conversation FROM memories WHERE id = :id AND tenant = :tenant
    ON CONFLICT DO NOTHING
    RETURNING memory_id
)
UPDATE memories SET conversations = conversations + 1, said_at = greatest(said_at, now()),
    changed = {_NOW}
WHERE id IN (SELECT memory_id FROM seen)
""")

# By the ids first, whatever the planner thinks of a tenant.
GET = text("""
WITH found AS MATERIALIZED (SELECT * FROM memories WHERE id = ANY(CAST(:ids AS text[])))
SELECT * FROM found WHERE tenant = :tenant
""")

CHOSEN = """
    tenant = :tenant
    AND (CAST(:ids AS text[]) IS NULL OR memories.id = ANY(CAST(:ids AS text[])))
    AND (CAST(:kind AS text) IS NULL OR kind = :kind)
    AND (CAST(:project AS text) IS NULL OR project = :project)
    AND (CAST(:conversation AS text) IS NULL OR conversation_id = :conversation)
    AND (CAST(:before AS timestamptz) IS NULL OR said_at < :before)
"""

PAGE = text(f"""
SELECT * FROM memories
WHERE {CHOSEN}
    AND (CAST(:words AS text) IS NULL OR strpos(lower(text), lower(:words)) > 0)
    AND (CAST(:after_id AS text) IS NULL
        OR (said_at, id) < (CAST(:after_time AS timestamptz), :after_id))
ORDER BY said_at DESC, id DESC LIMIT :limit
""")

COUNT = text(f"SELECT count(*) AS n FROM memories WHERE {CHOSEN}")

EDIT = text(f"""
UPDATE memories SET text = COALESCE(CAST(:text AS text), text),
    detail = COALESCE(CAST(:detail AS jsonb), detail),
    signature = COALESCE(CAST(:signature AS text), signature),
    confidence = COALESCE(CAST(:confidence AS float), confidence),
    confirmed = COALESCE(CAST(:confirmed AS boolean), confirmed),
    changed = {_NOW}
WHERE id = :id AND tenant = :tenant
RETURNING *
""")

OUTCOME = text("""
UPDATE memories SET
    successes = successes + CAST(:success AS int), failures = failures + 1 - CAST(:success AS int)
WHERE id = :id AND tenant = :tenant
""")

USED = text("""
UPDATE memories SET uses = uses + 1
WHERE id = ANY(CAST(:ids AS text[])) AND tenant = :tenant
""")

TOUCH = text(f"""
WITH touched AS (UPDATE memories SET changed = {_NOW} WHERE tenant = :tenant RETURNING 1)
SELECT count(*) AS n FROM touched
""")

# What another conversation bore out may be learned again.
FORGET = text(f"""
WITH gone AS (
    DELETE FROM memories WHERE {CHOSEN} RETURNING id, kind, conversation_id
), tombstones AS (
    INSERT INTO forgotten (id, final)
    SELECT id, :final AND NOT (kind <> 'turn' AND CAST(:conversation AS text) IS NOT NULL
        AND EXISTS (SELECT FROM sightings
                    WHERE memory_id = gone.id AND conversation_id <> gone.conversation_id))
    FROM gone
    ON CONFLICT (id) DO UPDATE SET final = forgotten.final OR excluded.final, changed = {_NOW}
), unseen AS (
    DELETE FROM sightings
    WHERE memory_id IN (SELECT id FROM gone)
        OR (:unsaid AND conversation_id = CAST(:conversation AS text))
    RETURNING memory_id
), fewer AS (
    UPDATE memories SET conversations = greatest(conversations - 1, 1), changed = {_NOW}
    WHERE id IN (SELECT memory_id FROM unseen) AND id NOT IN (SELECT id FROM gone)
)
SELECT id FROM gone
""")

CHANGES = text("""
WITH horizon AS (
    SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS oldest
), next AS (
    (SELECT changed, id, false AS gone FROM memories, horizon
     WHERE (changed, id) > (CAST(:changed AS bigint), :id) AND changed < oldest
     ORDER BY changed, id LIMIT :limit)
    UNION ALL
    (SELECT changed, id, true FROM forgotten, horizon
     WHERE (changed, id) > (CAST(:changed AS bigint), :id) AND changed < oldest
     ORDER BY changed, id LIMIT :limit)
    ORDER BY changed, id LIMIT :limit
)
SELECT next.changed AS next_changed, next.id AS next_id, next.gone, memories.*
FROM next LEFT JOIN memories ON memories.id = next.id AND NOT next.gone
ORDER BY next.changed, next.id
""")

FIXES = text("""
SELECT * FROM memories
WHERE signature = :signature AND tenant = :tenant
    AND (CAST(:callers AS text[]) IS NULL OR caller = ANY(CAST(:callers AS text[])))
    AND (CAST(:project AS text) IS NULL OR project = :project)
ORDER BY confirmed DESC, conversations DESC, said_at DESC, id LIMIT :limit
""")

# Any of the words will do; the more of them, and the rarer in the text, the better.
MATCHING = text("""
WITH asked AS (
    SELECT CAST(replace(CAST(plainto_tsquery('simple', :words) AS text), '&', '|') AS tsquery) AS q
)
SELECT memories.* FROM memories, asked
WHERE kind <> 'turn' AND tenant = :tenant AND to_tsvector('simple', text) @@ q
    AND (CAST(:callers AS text[]) IS NULL OR caller = ANY(CAST(:callers AS text[])))
    AND (CAST(:kind AS text) IS NULL OR kind = :kind)
    AND (CAST(:project AS text) IS NULL OR project = :project)
ORDER BY ts_rank(to_tsvector('simple', text), q) DESC, said_at DESC, id LIMIT :limit
""")

NEWEST = text("""
SELECT changed, id FROM (
    (SELECT changed, id FROM memories ORDER BY changed DESC, id DESC LIMIT 1)
    UNION ALL
    (SELECT changed, id FROM forgotten ORDER BY changed DESC, id DESC LIMIT 1)
) AS newest
ORDER BY changed DESC, id DESC LIMIT 1
""")
