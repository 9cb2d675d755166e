CREATE FUNCTION pg_catalog.pg_last_unload_count()
RETURNS int8 LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT 0::int8
$body$;

CREATE FUNCTION pg_catalog.pg_last_unload_id()
RETURNS int4 LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT -1
$body$;

CREATE FUNCTION pg_catalog.blueshift_copies()
RETURNS TABLE (
    query_id int8, transaction_id int8, session_id int4, user_id int4, database_name text,
    table_name text, table_id int4, data_source text, file_format text, status text,
    start_time timestamp, end_time timestamp, loaded_rows int8, error_count int8, files json,
    replacements json, encodings json
) LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT * FROM json_to_recordset(pg_catalog.blueshift_setting('copies', '[]')::json) AS recorded (
    query_id int8, transaction_id int8, session_id int4, user_id int4, database_name text,
    table_name text, table_id int4, data_source text, file_format text, status text,
    start_time timestamp, end_time timestamp, loaded_rows int8, error_count int8, files json,
    replacements json, encodings json
)
WHERE user_id = (SELECT pg_catalog.current_user_id())
    OR (SELECT pg_catalog.blueshift_is_superuser(current_user))
$body$;

CREATE VIEW pg_catalog.sys_load_history AS
SELECT
    user_id, query_id, transaction_id, session_id, database_name, status, table_name, start_time,
    end_time, (1000000 * extract(epoch FROM end_time - start_time))::int8 AS duration, data_source,
    file_format, loaded_rows, CASE loaded_rows WHEN 0 THEN 0 ELSE bytes END AS loaded_bytes, file_count AS source_file_count,
    bytes AS source_file_bytes, file_count AS file_count_scanned, bytes AS file_bytes_scanned,
    error_count, 0::int8 AS copy_job_id
FROM pg_catalog.blueshift_copies(), LATERAL (
    SELECT count(*)::int4 AS file_count, coalesce(sum((file->>'bytes')::int8), 0)::int8 AS bytes
    FROM json_array_elements(files) AS file
) AS totals
-- One that names no table does not begin.
WHERE table_id <> 0;

CREATE VIEW pg_catalog.sys_load_detail AS
SELECT
    user_id, query_id::int4 AS query_id, left(file->>'url', 256)::char(256) AS file_name,
    least((file->>'bytes')::int8, 2147483647)::int4 AS bytes_scanned,
    least((file->>'lines')::int8, 2147483647)::int4 AS lines_scanned,
    end_time AS record_time, 1 AS splits_scanned, start_time, end_time,
    left(file->>'entity_tag', 256)::char(256) AS file_etag,
    (file->>'last_modified')::timestamp AS file_last_modified
FROM pg_catalog.blueshift_copies(), LATERAL json_array_elements(files) AS file;

CREATE VIEW pg_catalog.stl_load_commits AS
SELECT
    user_id AS userid, query_id::int4 AS query, 0 AS slice,
    left(file->>'url', 256)::char(256) AS name, left(file->>'url', 256)::char(256) AS filename,
    0 AS byte_offset, least((file->>'lines')::int8, 2147483647)::int4 AS lines_scanned,
    0 AS errors, end_time AS curtime, 1 AS status,
    CASE file_format
        WHEN 'json' THEN 'JSON'
        WHEN 'avro' THEN 'Avro'
        WHEN 'orc' THEN 'ORC'
        WHEN 'parquet' THEN 'Parquet'
        ELSE 'Text'
    END::char(16) AS file_format,
    0 AS is_partial, 0::int8 AS start_offset, 0::int8 AS copy_job_id
FROM pg_catalog.blueshift_copies(), LATERAL json_array_elements(files) AS file;

CREATE VIEW pg_catalog.sys_load_error_detail AS
SELECT
    errors.userid AS user_id, errors.query::int8 AS query_id,
    coalesce(copies.transaction_id, 0) AS transaction_id, errors.session AS session_id,
    coalesce(copies.database_name, current_database())::char(64) AS database_name,
    errors.tbl AS table_id, errors.starttime AS start_time, errors.filename AS file_name,
    errors.line_number, errors.colname AS column_name, errors.type AS column_type,
    errors.col_length AS column_length, errors."position", errors.err_code AS error_code,
    errors.err_reason::char(512) AS error_message
FROM pg_catalog.stl_load_errors AS errors
LEFT JOIN pg_catalog.blueshift_copies() AS copies ON copies.query_id = errors.query;

CREATE VIEW pg_catalog.stl_loaderror_detail AS
SELECT
    userid, slice, session, query, left(filename, 256)::char(256) AS filename, line_number,
    (detail->>'field')::int4 AS field, left(detail->>'colname', 1024)::char(1024) AS colname,
    left(detail->>'value', 1024)::char(1024) AS value, (detail->>'is_null')::int4 AS is_null,
    left(detail->>'type', 10)::char(10) AS type,
    left(detail->>'col_length', 10)::char(10) AS col_length
FROM json_to_recordset(pg_catalog.blueshift_setting('stl_load_errors', '[]')::json) AS recorded (
    userid int4, slice int4, session int4, query int4, filename text, line_number int8, details json
), LATERAL json_array_elements(coalesce(details, '[]')) AS detail
WHERE userid = (SELECT pg_catalog.current_user_id())
    OR (SELECT pg_catalog.blueshift_is_superuser(current_user));

CREATE VIEW pg_catalog.stl_replacements AS
SELECT
    user_id AS userid, query_id::int4 AS query, 0 AS slice, table_id AS tbl,
    start_time AS starttime, session_id AS session,
    left(row->>'filename', 256)::char(256) AS filename, (row->>'line_number')::int8 AS line_number,
    left(row->>'colname', 127)::char(127) AS colname,
    left(row->>'raw_line', 1024)::char(1024) AS raw_line
FROM pg_catalog.blueshift_copies(),
LATERAL json_array_elements(coalesce(replacements, '[]')) AS row;

CREATE VIEW pg_catalog.sys_copy_replacements AS
SELECT
    userid AS user_id, query::int8 AS query_id, tbl AS table_id, filename AS file_name,
    colname AS column_name, line_number, raw_line
FROM pg_catalog.stl_replacements;

CREATE FUNCTION pg_catalog.blueshift_queries()
RETURNS TABLE (
    userid int4, query int4, xid int8, pid int4, database text, querytxt text, starttime timestamp,
    endtime timestamp, aborted int4, target text, rows int8, error text
) LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT
    coalesce(r.oid::int8::int4, 0), query, xid, pid, database, querytxt, starttime, endtime,
    aborted, target, rows, error
FROM json_to_recordset(pg_catalog.blueshift_setting('queries', '[]')::json) AS recorded (
    username text, query int4, xid int8, pid int4, database text, querytxt text,
    starttime timestamp, endtime timestamp, aborted int4, target text, rows int8, error text
)
LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = username
WHERE username = current_user OR (SELECT pg_catalog.blueshift_is_superuser(current_user))
$body$;

CREATE VIEW pg_catalog.stl_query AS
SELECT
    userid, query, 'default'::char(320) AS label, xid, pid, left(database, 32)::char(32) AS database,
    left(querytxt, 4000)::char(4000) AS querytxt, starttime, endtime, aborted,
    0 AS insert_pristine, 0 AS concurrency_scaling_status
FROM pg_catalog.blueshift_queries();

CREATE VIEW pg_catalog.stl_querytext AS
SELECT
    userid, xid, pid, query, sequence, substr(querytxt, 1 + 200 * sequence, 200)::char(200) AS text
FROM pg_catalog.blueshift_queries(),
LATERAL generate_series(0, greatest(0, (char_length(querytxt) - 1) / 200)) AS sequence;

GRANT SELECT ON
    pg_catalog.sys_load_history, pg_catalog.sys_load_detail, pg_catalog.stl_load_commits,
    pg_catalog.sys_load_error_detail, pg_catalog.stl_loaderror_detail, pg_catalog.stl_replacements,
    pg_catalog.sys_copy_replacements,
    pg_catalog.stl_query, pg_catalog.stl_querytext
TO PUBLIC;
