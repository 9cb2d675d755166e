-- "Data load operations", COMPUPDATE: a COPY into an empty table gives columns an encoding by their
-- type, and does not look at the rows. With PRESET it replaces any that is declared; without
-- COMPUPDATE none is, as soon as one other than RAW is declared. Gives what it has changed.
CREATE FUNCTION pg_catalog.blueshift_compress(relid oid, preset bool)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = 10 AS $body$
DECLARE
    changes json;
    filled bool := 0 < pg_relation_size($1);
BEGIN
    IF filled AND NOT preset OR NOT preset AND EXISTS (
        SELECT FROM pg_catalog.blueshift_columns AS c
        WHERE c.relid = $1 AND c.encoding NOT IN ('none', 'auto')
    ) THEN
        RETURN NULL;
    END IF;
    SELECT json_agg(json_build_object(
        'col', columns.attnum - 1, 'old_encoding', columns.encoding, 'new_encoding', columns.preset
    ) ORDER BY columns.attnum)
    INTO changes
    FROM (
        SELECT a.attnum, b.encoding, CASE
            WHEN b.attsortkeyord <> 0 THEN 'none'
            WHEN a.atttypid IN ('bool'::regtype, 'float4'::regtype, 'float8'::regtype) THEN 'none'
            WHEN a.atttypid IN (
                'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype,
                'date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype
            ) THEN 'az64'
            WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype, 'text'::regtype) THEN 'lzo'
            ELSE b.encoding
        END AS preset
        FROM pg_catalog.pg_attribute AS a
        JOIN pg_catalog.blueshift_attributes AS b
            ON b.attrelid = a.attrelid AND b.attnum = a.attnum
        WHERE a.attrelid = $1
    ) AS columns
    WHERE columns.encoding <> columns.preset;
    -- Deleted rows leave a table with pages; only then, because in a serializable transaction a
    -- look at the rows can be a conflict.
    IF changes IS NOT NULL AND filled THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', $1::regclass) INTO filled;
    END IF;
    IF changes IS NULL OR filled THEN
        RETURN NULL;
    END IF;
    INSERT INTO pg_catalog.blueshift_columns (relid, attnum, encoding)
    SELECT $1, (change->>'col')::int2 + 1, change->>'new_encoding'
    FROM json_array_elements(changes) AS change
    ON CONFLICT ON CONSTRAINT blueshift_columns_pkey DO UPDATE SET encoding = excluded.encoding;
    RETURN changes;
EXCEPTION
    -- Another COPY into the table does it.
    WHEN lock_not_available OR serialization_failure OR unique_violation THEN
        RETURN NULL;
END
$body$;

CREATE VIEW pg_catalog.stl_analyze_compression AS
SELECT
    user_id AS userid, start_time, transaction_id AS xid, table_id AS tbl,
    left(table_name, 128)::char(128) AS tablename, (change->>'col')::int4 AS col,
    (change->>'old_encoding')::char(15) AS old_encoding,
    (change->>'new_encoding')::char(15) AS new_encoding, 'PRESET'::char(14) AS mode,
    (change->>'new_encoding')::char(15) AS best_compression_encoding,
    ''::char(15) AS recommended_bytes, ''::char(15) AS best_compression_bytes, 0::int8 AS ndv
FROM pg_catalog.blueshift_copies(), LATERAL json_array_elements(coalesce(encodings, '[]')) AS change;

CREATE VIEW pg_catalog.sys_analyze_compression_history AS
SELECT
    userid AS user_id, start_time, xid AS transaction_id, tbl AS table_id, tablename AS table_name,
    col AS column_position, old_encoding, new_encoding, mode
FROM pg_catalog.stl_analyze_compression;

-- Of queries of external tables, which this Redshift does not have.
CREATE VIEW pg_catalog.svl_s3list AS
SELECT
    0 AS query, 0 AS segment, 0 AS node, 0 AS slice, NULL::timestamp AS eventtime,
    ''::text AS bucket, ''::text AS prefix, ''::char(1) AS recursive, 0 AS retrieved_files,
    0::int8 AS max_file_size, 0::float8 AS avg_file_size, 0 AS generated_splits,
    0::float8 AS avg_split_length, 0::int8 AS duration
WHERE false;

-- COPY JOB is refused.
CREATE VIEW pg_catalog.sys_copy_job AS
SELECT
    0::int8 AS job_id, ''::char(128) AS job_name, ''::char(128) AS iam_role,
    ''::char(256) AS job_text, 0 AS is_auto, 0 AS on_error_suspend
WHERE false;

GRANT SELECT ON
    pg_catalog.stl_analyze_compression, pg_catalog.sys_analyze_compression_history,
    pg_catalog.svl_s3list, pg_catalog.sys_copy_job
TO PUBLIC;
