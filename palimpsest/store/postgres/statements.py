"""The statements of a request's life; each is one transaction, and safe to run twice."""

from sqlalchemy import text

ACCEPT = text("""
WITH claim AS (
    INSERT INTO claims (fingerprint, request_id, keyed)
    SELECT CAST(:fingerprint AS bytea), :id, :keyed WHERE CAST(:fingerprint AS bytea) IS NOT NULL
    ON CONFLICT (fingerprint) DO UPDATE
        SET request_id = CASE WHEN claims.request_id = CAST(:seize_from AS text)
            THEN excluded.request_id ELSE claims.request_id END
    RETURNING request_id
), won AS (
    SELECT CAST(:id AS text) AS id WHERE NOT EXISTS (SELECT FROM claim WHERE request_id <> :id)
), new_blobs AS (
    INSERT INTO blobs (hash, codec, size, data)
    SELECT blob.* FROM won, unnest(
        CAST(:blob_hash AS bytea[]), CAST(:blob_codec AS smallint[]),
        CAST(:blob_size AS int[]), CAST(:blob_data AS bytea[])) AS blob
    ON CONFLICT (hash) DO UPDATE SET touched_at = now()
), new_nodes AS (
    INSERT INTO nodes (hash, parent, message, depth)
    SELECT node.* FROM won, unnest(
        CAST(:node_hash AS bytea[]), CAST(:node_parent AS bytea[]),
        CAST(:node_message AS bytea[]), CAST(:node_depth AS int[])) AS node
    ON CONFLICT (hash) DO UPDATE SET touched_at = now()
), sealed AS (
    INSERT INTO vault (request_id, sealed, expires_at)
    SELECT won.id, :sealed, now() + make_interval(secs => :vault_seconds) FROM won
    ON CONFLICT (request_id) DO NOTHING
), accepted AS (
    INSERT INTO requests (id, tenant, caller, state, model, stream, target, headers, body_bytes,
                          message_count, skeleton, parts, node, identity, edge)
    SELECT won.id, :tenant, :caller, 'accepted', :model, :stream, :target, CAST(:headers AS jsonb),
           :body_bytes, :message_count, :skeleton, CAST(:parts AS bytea[]), :node,
           :identity, :edge
    FROM won
    ON CONFLICT (id) DO NOTHING
)
SELECT (SELECT request_id FROM claim) AS request_id, last_value AS erasure FROM erasures
""")

CONTENT = text("""
WITH new_blobs AS (
    INSERT INTO blobs (hash, codec, size, data)
    SELECT blob.* FROM unnest(
        CAST(:blob_hash AS bytea[]), CAST(:blob_codec AS smallint[]),
        CAST(:blob_size AS int[]), CAST(:blob_data AS bytea[])) AS blob
    ON CONFLICT (hash) DO UPDATE SET touched_at = now()
)
INSERT INTO nodes (hash, parent, message, depth)
SELECT node.* FROM unnest(
    CAST(:node_hash AS bytea[]), CAST(:node_parent AS bytea[]),
    CAST(:node_message AS bytea[]), CAST(:node_depth AS int[])) AS node
ON CONFLICT (hash) DO UPDATE SET touched_at = now()
""")

BEGIN = text("""
WITH live AS (
    UPDATE requests SET state = 'forwarding', owner = :owner, fence = fence + 1,
        conversation_id = CAST(:conversation_id AS text), turn = CAST(:turn AS int),
        origin = CAST(:origin AS bytea),
        accept_ms = CAST(:accept_ms AS float), query_ms = CAST(:query_ms AS float),
        rewrite_ms = CAST(:rewrite_ms AS float), context_mode = CAST(:context_mode AS text),
        applied_epoch = CAST(:applied_epoch AS bytea),
        observed_epoch = CAST(:observed_epoch AS bytea),
        original_tokens = CAST(:original_tokens AS bigint),
        context_tokens = CAST(:context_tokens AS bigint)
    WHERE id = :id AND state <> 'ended' AND (owner IS NULL OR owner = :owner OR NOT EXISTS (
        SELECT FROM processes WHERE processes.owner = requests.owner
            AND (beat_at > now() - interval '3 seconds' OR NOT :trusts_silence)))
    RETURNING id, fence
), crashed AS (
    UPDATE attempts SET closed_at = now(), outcome = 'unknown',
        reason = 'the process that called was gone before it told how the call ended'
    WHERE request_id IN (SELECT id FROM live) AND closed_at IS NULL
)
INSERT INTO attempts (request_id, number, owner)
SELECT live.id, 1 + COALESCE((
    SELECT max(number) FROM attempts WHERE request_id = :id AND kind = 'answer'), 0), :owner
FROM live
RETURNING number, (SELECT fence FROM live) AS fence
""")

LACKS_USAGE = text("""
SELECT number FROM attempts
WHERE request_id = :id AND kind = 'answer' AND number = :number
    AND outcome = 'unknown' AND usage IS NULL
""")

ESTIMATE = text("""
UPDATE attempts SET usage = CAST(:usage AS jsonb)
WHERE request_id = :id AND kind = 'answer' AND number = :number
    AND outcome = 'unknown' AND usage IS NULL
""")

CLOSE_ATTEMPT = text("""
UPDATE attempts SET closed_at = now(), outcome = :attempt_outcome,
    status = CAST(:attempt_status AS int), bytes = CAST(:attempt_bytes AS bigint),
    reason = CAST(:attempt_reason AS text), usage = CAST(:attempt_usage AS jsonb)
FROM requests
WHERE request_id = :id AND kind = 'answer' AND number = :number AND closed_at IS NULL
    AND requests.id = :id AND requests.fence = :fence
""")

RELEASE = text("""
WITH free AS (
    UPDATE requests SET owner = NULL WHERE id = :id AND state <> 'ended' AND fence = :fence
    RETURNING id
)
UPDATE attempts SET closed_at = now(), outcome = :attempt_outcome,
    status = CAST(:attempt_status AS int), bytes = CAST(:attempt_bytes AS bigint),
    reason = CAST(:attempt_reason AS text), usage = CAST(:attempt_usage AS jsonb)
WHERE request_id IN (SELECT id FROM free) AND kind = 'answer' AND number = :number
""")

SETTLE = text("""
WITH ended AS (
    UPDATE requests SET state = 'ended', ended_at = now(), outcome = :outcome,
        reason = CAST(:reason AS text), status = CAST(:status AS int),
        response_headers = CAST(:response_headers AS jsonb), response = :blob_hash,
        response_bytes = :response_bytes, stop_reason = CAST(:stop_reason AS text),
        counted_tokens = CAST(:counted_tokens AS bigint),
        input_tokens = CAST(:input_tokens AS bigint),
        output_tokens = CAST(:output_tokens AS bigint),
        cache_read_tokens = CAST(:cache_read_tokens AS bigint),
        cache_write_tokens = CAST(:cache_write_tokens AS bigint),
        accept_ms = CAST(:accept_ms AS float), query_ms = CAST(:query_ms AS float),
        rewrite_ms = CAST(:rewrite_ms AS float), overhead_ms = CAST(:overhead_ms AS float),
        upstream_first_byte_ms = CAST(:upstream_first_byte_ms AS float),
        first_byte_ms = CAST(:first_byte_ms AS float), total_ms = CAST(:total_ms AS float),
        conversation_id = CAST(:conversation_id AS text), turn = CAST(:turn AS int),
        origin = CAST(:origin AS bytea), caller = :caller, usage_estimated = :usage_estimated
    WHERE id = :id AND state <> 'ended' AND fence = :fence
    RETURNING id, applied_epoch, observed_epoch
), closed AS (
    UPDATE attempts SET closed_at = now(), outcome = :attempt_outcome,
        status = CAST(:attempt_status AS int), bytes = CAST(:attempt_bytes AS bigint),
        reason = CAST(:attempt_reason AS text), usage = CAST(:attempt_usage AS jsonb)
    WHERE request_id IN (SELECT id FROM ended) AND kind = 'answer' AND number = :number
), forgotten AS (
    DELETE FROM vault WHERE request_id IN (SELECT id FROM ended)
), unclaimed AS (
    DELETE FROM claims WHERE request_id IN (SELECT id FROM ended) AND :outcome <> 'answered'
), superseded AS (
    DELETE FROM journal WHERE :journalled AND request_id IN (SELECT id FROM ended)
), answer AS (
    INSERT INTO blobs (hash, codec, size, data)
    SELECT :blob_hash, CAST(:blob_codec AS smallint), CAST(:blob_size AS int), :blob_data FROM ended
    ON CONFLICT (hash) DO UPDATE SET touched_at = now()
), head AS (
    INSERT INTO heads (chain, conversation_id, request_id, turn, depth, applied_epoch,
                       observed_epoch, session, caller, origin, history, answered, named)
    SELECT CAST(:chain AS bytea), :conversation_id, :id, CAST(:turn AS int), CAST(:depth AS int),
           applied_epoch, observed_epoch, CAST(:session AS bytea), :caller,
           CAST(:origin AS bytea), CAST(:history AS bytea), CAST(:answered AS bytea), :named
    FROM ended WHERE CAST(:chain AS bytea) IS NOT NULL AND :outcome = 'answered'
    ON CONFLICT (chain) DO UPDATE SET request_id = excluded.request_id,
        applied_epoch = excluded.applied_epoch, observed_epoch = excluded.observed_epoch,
        session = COALESCE(excluded.session, heads.session), caller = excluded.caller,
        answered = COALESCE(excluded.answered, heads.answered)
), owned AS (
    INSERT INTO token_owners (token, organisation)
    SELECT CAST(:owned_token AS bytea), CAST(:owner AS text)
    FROM ended WHERE CAST(:owned_token AS bytea) IS NOT NULL
    ON CONFLICT (token) DO UPDATE SET organisation = excluded.organisation, learned_at = now()
), conversation AS (
    INSERT INTO conversations AS c (id, tenant, turns, token_ratio, project)
    SELECT CAST(:conversation_id AS text), :tenant, CAST(:turn AS int),
           CAST(:input_total AS float) / NULLIF(CAST(:counted_tokens AS bigint), 0),
           CAST(:project AS text)
    FROM ended WHERE CAST(:conversation_id AS text) IS NOT NULL AND :outcome = 'answered'
    ON CONFLICT (id) DO UPDATE SET updated_at = now(),
        turns = greatest(c.turns, excluded.turns),
        project = COALESCE(NULLIF(c.project, ''), excluded.project),
        token_ratio = COALESCE(0.7 * c.token_ratio + 0.3 * excluded.token_ratio,
                               excluded.token_ratio, c.token_ratio)
)
SELECT id FROM ended
""")

SETTLED = text("""
SELECT id FROM requests
WHERE id = :id AND state = 'ended' AND fence = :fence AND outcome = :outcome
    AND response = :blob_hash
""")

END_WITHOUT_ANSWER = text("""
WITH ended AS (
    UPDATE requests SET state = 'ended', ended_at = now(), outcome = :outcome, status = :status,
        reason = :reason
    WHERE id = :id AND state <> 'ended' AND fence = COALESCE(CAST(:fence AS int), fence)
    RETURNING id
), closed AS (
    UPDATE attempts SET closed_at = now(), outcome = 'unknown', reason = :reason
    WHERE request_id IN (SELECT id FROM ended) AND closed_at IS NULL
), forgotten AS (
    DELETE FROM vault WHERE request_id IN (SELECT id FROM ended)
), unclaimed AS (
    DELETE FROM claims WHERE request_id IN (SELECT id FROM ended)
), superseded AS (
    DELETE FROM journal WHERE request_id IN (SELECT id FROM ended)
)
SELECT id FROM ended
""")

CLIENT = text("""
UPDATE requests SET client_gone = :gone, edge = :edge,
    delivered_at = CASE WHEN delivered_at <= now() THEN delivered_at END
WHERE id = :id AND (NOT :gone OR edge = :edge)
""")

DELIVERED = text("""
WITH known AS (
    UPDATE requests SET delivered_at = least(
        delivered_at, now() + make_interval(secs => CAST(:seconds AS float)))
    WHERE id = ANY(CAST(:ids AS text[]))
    RETURNING id, delivered_at
)
DELETE FROM claims USING known
WHERE claims.request_id = known.id AND known.delivered_at <= now() AND NOT claims.keyed
""")

CREDENTIALS = text("""
SELECT v.sealed, r.caller, CAST(EXTRACT(epoch FROM now() - r.accepted_at) AS float) AS age,
       EXISTS (SELECT FROM attempts WHERE request_id = :id AND closed_at IS NULL) AS interrupted
FROM vault v JOIN requests r ON r.id = v.request_id
WHERE v.request_id = :id AND v.expires_at > now()
""")

CLAIM_HOLDER = text("""
SELECT r.state, r.outcome, r.client_gone, r.identity, r.edge, r.fence,
       COALESCE(r.delivered_at <= now(), false) AS delivered,
       EXISTS (SELECT FROM attempts WHERE request_id = r.id AND closed_at IS NULL) AS calling,
       EXISTS (SELECT FROM processes p
               WHERE p.owner = r.edge AND p.beat_at > now() - interval '3 seconds') AS edge_lives
FROM requests r WHERE r.id = :id
""")

STALLED = text("""
SELECT id, model FROM requests
WHERE state <> 'ended' AND accepted_at < now() - make_interval(secs => :older_than)
    AND id <> ALL(CAST(:besides AS text[])) AND NOT EXISTS (
        SELECT FROM processes WHERE processes.owner = requests.owner
            AND (beat_at > now() - interval '3 seconds' OR NOT :trusts_silence))
ORDER BY accepted_at LIMIT 100
""")

REQUEST = text("SELECT * FROM requests WHERE id = :id")
FRAME = text("SELECT skeleton, parts, message_count FROM requests WHERE id = :id")
ATTEMPTS = text("""
SELECT kind, number, owner, sent_at, closed_at, status, outcome, bytes, reason, usage
FROM attempts WHERE request_id = :id ORDER BY kind DESC, number
""")
BLOB = text("SELECT codec, data FROM blobs WHERE hash = :hash")
PARTS = text("""
SELECT b.codec, b.data
FROM requests r CROSS JOIN unnest(r.parts) WITH ORDINALITY AS part(hash, position)
JOIN blobs b ON b.hash = part.hash
WHERE r.id = :id ORDER BY part.position
""")
MESSAGES = text("""
WITH RECURSIVE history AS (
    SELECT n.parent, n.message, n.depth
    FROM nodes n JOIN requests r ON n.hash = r.node WHERE r.id = :id
    UNION ALL
    SELECT n.parent, n.message, n.depth FROM nodes n JOIN history h ON n.hash = h.parent
)
SELECT b.codec, b.data FROM history h JOIN blobs b ON b.hash = h.message ORDER BY h.depth
""")
MESSAGE = text("""
WITH RECURSIVE history AS (
    SELECT n.parent, n.message, n.depth
    FROM nodes n JOIN requests r ON n.hash = r.node WHERE r.id = :id
    UNION ALL
    SELECT n.parent, n.message, n.depth
    FROM nodes n JOIN history h ON n.hash = h.parent WHERE n.depth >= :depth
)
SELECT b.codec, b.data FROM history h JOIN blobs b ON b.hash = h.message WHERE h.depth = :depth
""")
