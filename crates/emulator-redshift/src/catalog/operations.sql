-- What loaders, drivers and ops scripts ask about queries, sessions, locks and loads: filled where
-- the relay or Postgres knows the answer, empty with the guide's columns elsewhere.
-- Everybody sees all sessions, but not what they execute.
CREATE FUNCTION pg_catalog.blueshift_sessions()
RETURNS TABLE (
    pid int4, user_name text, database_name text, began timestamp, xid int8, transaction_began timestamp
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
SELECT
    pid, usename::text, datname::text, backend_start AT TIME ZONE 'UTC',
    coalesce(backend_xid::text::int8, 0), xact_start AT TIME ZONE 'UTC'
FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'client backend' AND datname IS NOT NULL
$body$;

CREATE VIEW pg_catalog.stv_sessions AS
SELECT
    began AS starttime, pid AS process, user_name::char(50) AS user_name,
    database_name::char(50) AS db_name, 0 AS timeout_sec
FROM pg_catalog.blueshift_sessions();

CREATE VIEW pg_catalog.stv_recents AS
SELECT
    userid, status::char(20) AS status, starttime, duration, user_name::char(50) AS user_name,
    db_name::char(50) AS db_name, query::char(600) AS query, pid
FROM (
    SELECT
        usesysid::int8::int4 AS userid, 'Running' AS status,
        query_start AT TIME ZONE 'UTC' AS starttime,
        (1000000 * extract(epoch FROM clock_timestamp() - query_start))::int4 AS duration,
        usename::text AS user_name, datname::text AS db_name, left(query, 600) AS query, pid
    FROM pg_catalog.pg_stat_activity
    WHERE backend_type = 'client backend' AND state = 'active'
        AND (
            usename = current_user OR (SELECT pg_catalog.blueshift_is_superuser(current_user))
        )
    UNION ALL
    SELECT
        queries.userid, 'Done', queries.starttime,
        least(1000000 * extract(epoch FROM queries.endtime - queries.starttime), 2147483647)::int4,
        coalesce(role.rolname, '')::text, queries.database, left(queries.querytxt, 600), -1
    FROM pg_catalog.blueshift_queries() AS queries
    LEFT JOIN pg_catalog.pg_roles AS role ON role.oid = queries.userid::oid
) AS recent;

CREATE VIEW pg_catalog.stv_inflight AS
SELECT
    usesysid::int8::int4 AS userid, 0 AS slice, 0 AS query, 'default'::char(320) AS label,
    coalesce(backend_xid::text::int8, 0) AS xid, pid,
    query_start AT TIME ZONE 'UTC' AS starttime, left(query, 100)::char(100) AS text,
    0 AS suspended, 0 AS insert_pristine, 0 AS concurrency_scaling_status
FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'client backend' AND state = 'active'
    AND (
        usename = current_user OR (SELECT pg_catalog.blueshift_is_superuser(current_user))
    );

CREATE VIEW pg_catalog.stv_locks AS
SELECT
    held.relation::int8 AS table_id, NULL::timestamp AS last_commit,
    NULL::timestamp AS last_update, owner.xid AS lock_owner,
    held.pid::int8 AS lock_owner_pid, owner.transaction_began AS lock_owner_start_ts,
    NULL::timestamp AS lock_owner_end_ts,
    CASE
        WHEN NOT held.granted THEN 'Waiting for write lock'
        WHEN held.mode = 'RowExclusiveLock' THEN 'Holding insert lock'
        ELSE 'Holding write lock'
    END::char(22) AS lock_status
FROM pg_catalog.pg_locks AS held
JOIN pg_catalog.blueshift_sessions() AS owner ON owner.pid = held.pid
WHERE held.locktype = 'relation' AND 16384 <= held.relation
    AND held.mode NOT IN ('AccessShareLock', 'RowShareLock')
    AND held.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database());

CREATE VIEW pg_catalog.svv_transactions AS
SELECT
    owner.user_name AS txn_owner, owner.database_name AS txn_db, owner.xid, owner.pid,
    owner.transaction_began AS txn_start, held.mode AS lock_mode,
    CASE held.locktype WHEN 'relation' THEN 'relation' ELSE 'transactionid' END
        AS lockable_object_type,
    held.relation::int8::int4 AS relation, held.granted
FROM pg_catalog.blueshift_sessions() AS owner
JOIN pg_catalog.pg_locks AS held ON held.pid = owner.pid
WHERE owner.transaction_began IS NOT NULL
    AND held.locktype IN ('relation', 'transactionid', 'virtualxid');

CREATE FUNCTION pg_catalog.blueshift_query_type(querytxt text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
SELECT CASE upper(substring($1 FROM '[a-zA-Z]+'))
    WHEN 'WITH' THEN 'SELECT'
    WHEN 'CREATE' THEN 'CTAS'
    ELSE coalesce(upper(substring($1 FROM '[a-zA-Z]+')), 'OTHER')
END
$body$;

CREATE VIEW pg_catalog.sys_query_history AS
SELECT
    userid AS user_id, query::int8 AS query_id, 'default'::char(320) AS query_label,
    xid AS transaction_id, pid AS session_id, left(database, 128)::char(128) AS database_name,
    pg_catalog.blueshift_query_type(querytxt)::char(32) AS query_type,
    CASE
        WHEN aborted = 0 THEN 'success'
        WHEN error ILIKE '%cancel%user%' THEN 'canceled'
        ELSE 'failed'
    END::char(10) AS status,
    false AS result_cache_hit, starttime AS start_time, endtime AS end_time,
    microseconds AS elapsed_time, 0::int8 AS queue_time, microseconds AS execution_time,
    left(coalesce(error, ''), 512)::char(512) AS error_message,
    CASE WHEN pg_catalog.blueshift_query_type(querytxt) = 'SELECT' THEN rows END AS returned_rows,
    NULL::int8 AS returned_bytes,
    left(querytxt, 4000)::char(4000) AS query_text,
    'Redshift 1.0.77467'::char(256) AS redshift_version, ''::char(150) AS usage_limit,
    'primary'::varchar(32) AS compute_type, 0::int8 AS compile_time, 0::int8 AS planning_time,
    0::int8 AS lock_wait_time, 100 AS service_class_id,
    'Default queue'::char(64) AS service_class_name, 'Normal'::char(20) AS query_priority,
    'false'::char(6) AS short_query_accelerated, md5(querytxt)::char(40) AS user_query_hash,
    md5(querytxt)::char(40) AS generic_query_hash, 1 AS query_hash_version,
    NULL::int8 AS result_cache_query_id
FROM pg_catalog.blueshift_queries(), LATERAL (
    SELECT (1000000 * extract(epoch FROM endtime - starttime))::int8 AS microseconds
) AS lasted;

CREATE VIEW pg_catalog.sys_query_text AS
SELECT
    userid AS user_id, query::int8 AS query_id, xid AS transaction_id, pid AS session_id,
    starttime AS start_time, sequence, substr(querytxt, 1 + 4000 * sequence, 4000)::char(4000) AS text
FROM pg_catalog.blueshift_queries(),
LATERAL generate_series(0, greatest(0, (char_length(querytxt) - 1) / 4000)) AS sequence;

-- The steps of queries that inserted rows. What a relation was called then is looked up by its name.
CREATE FUNCTION pg_catalog.blueshift_inserts()
RETURNS TABLE (
    userid int4, query int8, table_id int4, table_name text, starttime timestamp,
    endtime timestamp, rows int8, active bool
) LANGUAGE sql STABLE AS $body$
SELECT
    user_id, query_id, table_id, table_name, start_time, end_time, loaded_rows, status = 'running'
FROM pg_catalog.blueshift_copies()
WHERE status = 'running' OR (status = 'completed' AND 0 < loaded_rows)
UNION ALL
SELECT
    userid, query, coalesce(to_regclass(target)::oid::int8::int4, 0),
    (parse_ident(target))[cardinality(parse_ident(target))], starttime, endtime, rows, false
FROM pg_catalog.blueshift_queries()
WHERE aborted = 0 AND target IS NOT NULL AND 0 < rows AND database = current_database()
$body$;

CREATE VIEW pg_catalog.sys_query_detail AS
SELECT
    userid AS user_id, query AS query_id, 1 AS child_query_sequence, 0 AS stream_id,
    0 AS segment_id, 0 AS step_id, 'insert'::text AS step_name, table_id,
    left(table_name, 136)::char(136) AS table_name, 'f'::char(1) AS is_rrscan,
    starttime AS start_time, endtime AS end_time,
    (1000000 * extract(epoch FROM endtime - starttime))::int8 AS duration, ''::text AS alert,
    0::int8 AS input_bytes, rows AS input_rows, 0::int8 AS output_bytes, rows AS output_rows,
    0::int8 AS blocks_read, 0::int8 AS blocks_write, 0::int8 AS local_read_io,
    0::int8 AS remote_read_io, ''::text AS source, 0 AS data_skewness, 0 AS time_skewness,
    CASE WHEN active THEN 't' ELSE 'f' END::char(1) AS is_active,
    0::int8 AS spilled_block_local_disk, 0::int8 AS spilled_block_remote_disk,
    ''::char(64) AS step_attribute, 'step'::text AS metrics_level
FROM pg_catalog.blueshift_inserts();

CREATE VIEW pg_catalog.svl_qlog AS
SELECT
    userid, query, xid, pid, starttime, endtime,
    (1000000 * extract(epoch FROM endtime - starttime))::int8 AS elapsed, aborted,
    'default'::char(320) AS label, left(querytxt, 60)::char(60) AS "substring",
    NULL::int4 AS source_query,
    '0 - Ran on the main cluster'::text AS concurrency_scaling_status_txt, 0 AS from_sp_call
FROM pg_catalog.blueshift_queries();

CREATE VIEW pg_catalog.svl_statementtext AS
SELECT
    userid, xid, pid, 'default'::char(320) AS label, starttime, endtime, sequence,
    'QUERY'::varchar(10) AS type, substr(querytxt, 1 + 200 * sequence, 200)::char(200) AS text
FROM pg_catalog.blueshift_queries(),
LATERAL generate_series(0, greatest(0, (char_length(querytxt) - 1) / 200)) AS sequence;

CREATE VIEW pg_catalog.stl_wlm_query AS
SELECT
    userid, xid::int4 AS xid, query AS task, query, 100 AS service_class, 1 AS slot_count,
    starttime AS service_class_start_time, starttime AS queue_start_time,
    starttime AS queue_end_time, 0::int8 AS total_queue_time, starttime AS exec_start_time,
    endtime AS exec_end_time,
    (1000000 * extract(epoch FROM endtime - starttime))::int8 AS total_exec_time,
    endtime AS service_class_end_time,
    CASE aborted WHEN 0 THEN 'Completed' ELSE 'Evicted' END::char(16) AS final_state,
    0::int8 AS est_peak_mem, 'Normal'::char(20) AS query_priority,
    'Default queue'::char(64) AS service_class_name
FROM pg_catalog.blueshift_queries();

CREATE VIEW pg_catalog.stl_s3client AS
SELECT
    user_id AS userid, query_id::int4 AS query, 0 AS slice, end_time AS recordtime,
    session_id AS pid, 'GET'::char(64) AS http_method,
    left(split_part(file->>'url', '/', 3), 64)::char(64) AS bucket,
    left(regexp_replace(file->>'url', '^s3://[^/]*/', ''), 256)::char(256) AS key,
    (file->>'bytes')::int8 AS transfer_size, (file->>'bytes')::int8 AS data_size,
    (1000000 * extract(epoch FROM start_time))::int8 AS start_time,
    (1000000 * extract(epoch FROM end_time))::int8 AS end_time,
    (1000000 * extract(epoch FROM end_time - start_time))::int8 AS transfer_time,
    0::int8 AS compression_time, 0::int8 AS connect_time, 0::int8 AS app_connect_time,
    0::int8 AS retries, ''::char(32) AS request_id, ''::char(128) AS extended_request_id,
    ''::char(64) AS ip_address, 0 AS is_partial, 0::int8 AS start_offset
FROM pg_catalog.blueshift_copies(), LATERAL json_array_elements(files) AS file;

CREATE VIEW pg_catalog.stl_file_scan AS
SELECT
    user_id AS userid, query_id::int4 AS query, 0 AS slice, left(file->>'url', 90)::char(90) AS name,
    (file->>'lines')::int8 AS lines, (file->>'bytes')::int8 AS bytes,
    (1000000 * extract(epoch FROM end_time - start_time))::int8 AS loadtime, end_time AS curtime,
    0 AS is_partial, 0::int8 AS start_offset
FROM pg_catalog.blueshift_copies(), LATERAL json_array_elements(files) AS file;

CREATE VIEW pg_catalog.stv_load_state AS
SELECT
    user_id AS userid, session_id AS session, query_id::int4 AS query, 0 AS slice,
    session_id AS pid, end_time AS recordtime, 0::int8 AS bytes_to_load, 0::int8 AS bytes_loaded,
    0::int8 AS bytes_to_load_compressed, 0::int8 AS bytes_loaded_compressed, 0 AS lines,
    json_array_length(files) AS num_files, json_array_length(files) AS num_files_complete,
    left(data_source, 256)::char(256) AS current_file, 0 AS pct_complete
FROM pg_catalog.blueshift_copies() WHERE status = 'running';

CREATE VIEW pg_catalog.stl_s3client_error AS
SELECT
    0 AS userid, 0 AS query, 0 AS sliceid, NULL::timestamp AS recordtime, 0 AS pid,
    ''::char(64) AS http_method, ''::char(64) AS bucket, ''::char(256) AS key,
    ''::char(1024) AS error, 0 AS is_partial, 0::int8 AS start_offset
WHERE false;

CREATE VIEW pg_catalog.stl_error AS
SELECT
    0 AS userid, ''::char(12) AS process, NULL::timestamp AS recordtime, 0 AS pid, 0 AS errcode,
    ''::char(90) AS file, 0 AS linenum, ''::char(100) AS context, ''::char(512) AS error
WHERE false;

CREATE VIEW pg_catalog.stl_ddltext AS
SELECT
    0 AS userid, 0::int8 AS xid, 0 AS pid, ''::char(320) AS label, NULL::timestamp AS starttime,
    NULL::timestamp AS endtime, 0 AS sequence, ''::char(200) AS text
WHERE false;

CREATE VIEW pg_catalog.stl_insert AS
SELECT
    userid, query::int4 AS query, 0 AS slice, 0 AS segment, 0 AS step, starttime, endtime,
    0 AS tasknum, rows, table_id AS tbl, 0 AS inserted_mega_value, 0 AS use_staging_table
FROM pg_catalog.blueshift_inserts() WHERE NOT active;

CREATE FUNCTION pg_catalog.blueshift_transactions()
RETURNS TABLE (
    userid int4, xid int8, pid int4, database text, status text, starttime timestamp,
    endtime timestamp, conflict int8
) LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT coalesce(r.oid::int8::int4, 0), xid, pid, database, status, starttime, endtime, conflict
FROM json_to_recordset(pg_catalog.blueshift_setting('transactions', '[]')::json) AS recorded (
    username text, xid int8, pid int4, database text, status text, starttime timestamp,
    endtime timestamp, conflict int8
)
LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = username
WHERE username = current_user OR (SELECT pg_catalog.blueshift_is_superuser(current_user))
$body$;

CREATE VIEW pg_catalog.stl_tr_conflict AS
SELECT
    xid AS xact_id, pid::int8 AS process_id, starttime AS xact_start_ts, endtime AS abort_time,
    conflict AS table_id
FROM pg_catalog.blueshift_transactions() WHERE conflict IS NOT NULL;

CREATE VIEW pg_catalog.sys_transaction_history AS
SELECT
    past.userid AS user_id, past.xid AS transaction_id,
    rtrim(coalesce(level.isolation_level, 'Snapshot Isolation'))::text AS isolation_level,
    past.status, past.starttime AS transaction_start_time, past.endtime AS commit_start_time,
    past.endtime AS commit_end_time, 0::int8 AS blocks_committed, -1::int8 AS undo_transaction_id
FROM pg_catalog.blueshift_transactions() AS past
LEFT JOIN pg_catalog.stv_db_isolation_level AS level ON level.db_name = past.database;

CREATE VIEW pg_catalog.stl_utilitytext AS
SELECT
    userid, xid, pid, 'default'::char(320) AS label, endtime AS starttime, endtime, 0 AS sequence,
    CASE status WHEN 'committed' THEN 'COMMIT' ELSE 'ROLLBACK' END::char(200) AS text
FROM pg_catalog.blueshift_transactions();

CREATE VIEW pg_catalog.stl_alert_event_log AS
SELECT
    0 AS userid, 0 AS query, 0 AS slice, 0 AS segment, 0 AS step, 0 AS pid, 0::int8 AS xid,
    ''::char(1024) AS event, ''::char(1024) AS solution, NULL::timestamp AS event_time
WHERE false;

GRANT SELECT ON
    pg_catalog.stv_sessions, pg_catalog.stv_recents, pg_catalog.stv_inflight,
    pg_catalog.svv_transactions, pg_catalog.sys_query_history, pg_catalog.sys_query_text,
    pg_catalog.sys_query_detail, pg_catalog.svl_qlog, pg_catalog.svl_statementtext,
    pg_catalog.stl_wlm_query, pg_catalog.stl_s3client, pg_catalog.stl_file_scan,
    pg_catalog.stv_load_state, pg_catalog.stl_s3client_error, pg_catalog.stl_error, pg_catalog.stl_ddltext, pg_catalog.stl_utilitytext,
    pg_catalog.stl_insert, pg_catalog.stl_alert_event_log
TO PUBLIC;

-- "Visible only to superusers", who may grant others to read them. Superusers read all there is.
DO $body$
DECLARE
    restricted text;
BEGIN
    FOREACH restricted IN ARRAY ARRAY[
        'stl_tr_conflict', 'stv_locks', 'stv_tbl_perm', 'svv_table_info',
        'sys_transaction_history'
    ] LOOP
        EXECUTE format('ALTER VIEW pg_catalog.%I OWNER TO pg_monitor', restricted);
    END LOOP;
END
$body$;

CREATE OR REPLACE VIEW pg_catalog.pg_user AS
SELECT
    shadow.usename, shadow.usesysid, shadow.usecreatedb,
    pg_catalog.blueshift_is_superuser(shadow.usename) AS usesuper, shadow.userepl,
    shadow.usebypassrls, '********'::text AS passwd, shadow.valuntil, shadow.useconfig
FROM pg_catalog.pg_shadow AS shadow;

-- "DECLARE": a session has one cursor at a time.
CREATE FUNCTION pg_catalog.blueshift_one_cursor()
RETURNS void LANGUAGE plpgsql STABLE AS $body$
BEGIN
    IF 1 < (
        SELECT count(*) FROM pg_catalog.pg_cursors AS c
        WHERE c.name <> '' AND c.statement ~* '^[^'']*declare[[:space:]]'
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_cursor_state',
            MESSAGE = 'opening multiple cursors from within the same client connection is not allowed.';
    END IF;
END
$body$;
