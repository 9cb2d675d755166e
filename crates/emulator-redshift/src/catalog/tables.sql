CREATE FUNCTION pg_catalog.blueshift_type_name(type_id oid, modifier int4)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT CASE $1
    WHEN 'varbyte'::regtype THEN replace(format_type($1, $2), 'varbyte', 'binary varying')
    ELSE format_type($1, $2)
END
$body$;

-- Of tables only: a view could call functions, which would run with the rights of this one. Who was
-- granted a view that shows the counts of all tables sees them all.
CREATE FUNCTION pg_catalog.blueshift_row_count(oid)
RETURNS int8 LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    counted int8;
    invoker name := coalesce(nullif(current_setting('role'), 'none'), session_user);
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = $1 AND c.relkind IN ('r', 'm')
            AND (
                has_table_privilege(invoker, c.oid, 'SELECT')
                OR has_table_privilege(invoker, 'pg_catalog.svv_table_info', 'SELECT')
                OR has_table_privilege(invoker, 'pg_catalog.stv_tbl_perm', 'SELECT')
            )
    ) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT count(*) FROM %s', $1::regclass) INTO counted;
    RETURN counted;
END
$body$;

CREATE VIEW pg_catalog.blueshift_attributes AS
SELECT
    a.attrelid, a.attnum, a.attname,
    pg_catalog.blueshift_type_name(a.atttypid, a.atttypmod) AS type,
    coalesce(nullif(c.encoding, 'auto'), CASE
        WHEN a.attrelid < 16384 OR c.sortkey <> 0 THEN 'none'
        -- "CREATE TABLE": those of temporary tables are RAW.
        WHEN r.relpersistence = 't' THEN 'none'
        WHEN a.atttypid IN ('bool'::regtype, 'float4'::regtype, 'float8'::regtype) THEN 'none'
        WHEN a.atttypid = 'super'::regtype THEN 'zstd'
        WHEN a.atttypid IN (
            'varchar'::regtype, 'bpchar'::regtype, 'text'::regtype, 'varbyte'::regtype
        ) THEN 'lzo'
        ELSE 'az64'
    END) AS encoding,
    coalesce(c.distkey, false) AS attisdistkey,
    coalesce(c.sortkey, 0) AS attsortkeyord,
    a.attnotnull
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS r ON r.oid = a.attrelid
LEFT JOIN pg_catalog.blueshift_columns AS c ON c.relid = a.attrelid AND c.attnum = a.attnum
WHERE 0 < a.attnum AND NOT a.attisdropped;

CREATE VIEW pg_catalog.blueshift_relations AS
SELECT
    c.oid AS relid, c.relname, c.relnamespace, n.nspname, c.relpersistence = 't' AS temporary,
    coalesce(t.diststyle, 'AUTO') AS diststyle, coalesce(t.sortstyle, 'AUTO') AS sortstyle,
    coalesce(t.backup, true) AS backup, t.created,
    CASE coalesce(t.diststyle, 'AUTO')
        WHEN 'AUTO' THEN 10
        WHEN 'EVEN' THEN 0
        WHEN 'KEY' THEN 1
        ELSE 8
    END AS reldiststyle
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.blueshift_tables AS t ON t.relid = c.oid
WHERE c.relkind IN ('r', 'm') AND NOT pg_catalog.pg_is_other_temp_schema(n.oid);

CREATE VIEW pg_catalog.pg_table_def AS
SELECT
    n.nspname AS schemaname, c.relname AS tablename, a.attname AS "column", a.type,
    a.encoding::char(32) AS encoding, a.attisdistkey AS distkey, a.attsortkeyord AS sortkey,
    a.attnotnull AS "notnull"
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.blueshift_attributes AS a ON a.attrelid = c.oid
WHERE c.relkind = 'r' AND n.nspname = ANY (current_schemas(true))
    AND NOT (n.nspname = 'pg_catalog' AND c.relname LIKE 'blueshift%')
ORDER BY n.nspname, c.relname, a.attnum;

CREATE VIEW pg_catalog.stv_tbl_perm AS
SELECT
    0 AS slice, r.relid::int8::int4 AS id, r.relname::text::char(72) AS name,
    pg_catalog.blueshift_row_count(r.relid) AS rows,
    pg_catalog.blueshift_row_count(r.relid) AS sorted_rows, r.temporary::int4 AS temp,
    (SELECT d.oid::int8::int4 FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
        AS db_id,
    0 AS insert_pristine, 0 AS delete_pristine, r.backup::int4 AS backup,
    r.reldiststyle AS dist_style,
    (pg_catalog.pg_relation_size(r.relid) / 1048576 + 1)::int4 AS block_count
FROM pg_catalog.blueshift_relations AS r
WHERE r.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast');

CREATE VIEW pg_catalog.svv_table_info AS
SELECT
    current_database()::text AS database, nspname::text AS schema, relid AS table_id,
    relname::text AS "table", encoded, diststyle, sortkey1, max_varchar, sortkey1_enc, sortkey_num,
    size, 0::numeric(10, 4) AS pct_used, 0::int8 AS empty, 0::numeric(5, 2) AS unsorted,
    0::numeric(5, 2) AS stats_off, rows::numeric(38, 0) AS tbl_rows,
    NULL::numeric(19, 2) AS skew_sortkey1, NULL::numeric(19, 2) AS skew_rows,
    rows::numeric(38, 0) AS estimated_visible_rows, NULL::text AS risk_event,
    NULL::numeric(12, 2) AS vacuum_sort_benefit, created AS create_time
FROM (
    SELECT
        r.nspname, r.relid, r.relname, r.created,
        CASE
            WHEN EXISTS (
                SELECT FROM pg_catalog.blueshift_columns AS c
                WHERE c.relid = r.relid AND c.encoding IS NOT NULL
            ) THEN 'Y'
            ELSE 'Y, AUTO(ENCODE)'
        END AS encoded,
        CASE r.diststyle
            WHEN 'AUTO' THEN 'AUTO(ALL)'
            WHEN 'KEY' THEN 'KEY(' || (
                SELECT a.attname FROM pg_catalog.blueshift_attributes AS a
                WHERE a.attrelid = r.relid AND a.attisdistkey
            ) || ')'
            ELSE r.diststyle
        END AS diststyle,
        CASE r.sortstyle
            WHEN 'AUTO' THEN 'AUTO(SORTKEY)'
            WHEN 'INTERLEAVED' THEN 'INTERLEAVED'
            ELSE (
                SELECT a.attname::text FROM pg_catalog.blueshift_attributes AS a
                WHERE a.attrelid = r.relid AND a.attsortkeyord = 1
            )
        END AS sortkey1,
        coalesce((
            SELECT max(greatest(a.atttypmod - 4, 0)) FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = r.relid AND a.atttypid = 'varchar'::regtype AND NOT a.attisdropped
        ), 0) AS max_varchar,
        (
            SELECT a.encoding::char(32) FROM pg_catalog.blueshift_attributes AS a
            WHERE a.attrelid = r.relid AND a.attsortkeyord = 1
        ) AS sortkey1_enc,
        (
            SELECT count(*)::int4 FROM pg_catalog.blueshift_attributes AS a
            WHERE a.attrelid = r.relid AND a.attsortkeyord <> 0
        ) AS sortkey_num,
        pg_catalog.pg_relation_size(r.relid) / 1048576 + 1 AS size,
        pg_catalog.blueshift_row_count(r.relid) AS rows
    FROM pg_catalog.blueshift_relations AS r
    WHERE r.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND NOT r.temporary
) AS tables
WHERE 0 < rows;

CREATE FUNCTION pg_catalog.blueshift_column_line(relid oid, number int2)
RETURNS text LANGUAGE sql STABLE AS $body$
SELECT concat_ws(' ',
    quote_ident(b.attname), b.type,
    CASE WHEN b.attnotnull THEN 'NOT NULL' END,
    CASE WHEN a.atthasdef THEN 'DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
    CASE a.attidentity
        WHEN 'a' THEN format('identity(%s,%s)', s.seqstart, s.seqincrement)
        WHEN 'd' THEN format('generated by default as identity(%s,%s)', s.seqstart, s.seqincrement)
    END,
    CASE WHEN b.encoding <> 'none' THEN 'ENCODE ' || b.encoding
        WHEN b.attsortkeyord = 0 THEN 'ENCODE raw'
    END,
    CASE WHEN b.attisdistkey THEN 'distkey' END,
    CASE WHEN o.collname = 'case_insensitive' THEN 'COLLATE CASE_INSENSITIVE' END
)
FROM pg_catalog.blueshift_attributes AS b
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = b.attrelid AND a.attnum = b.attnum
LEFT JOIN pg_catalog.pg_collation AS o ON o.oid = a.attcollation
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_sequence AS s ON a.attidentity <> '' AND s.seqrelid =
    pg_catalog.pg_get_serial_sequence($1::regclass::text, a.attname)::regclass
WHERE b.attrelid = $1 AND b.attnum = $2
$body$;

-- A key with the names that it needs to be the same in any schema; its own, if it was given one.
CREATE FUNCTION pg_catalog.blueshift_key_line(id oid)
RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $body$
SELECT CASE
    WHEN starts_with(c.conname::text, made.base)
        AND ltrim(substr(c.conname::text, char_length(made.base) + 1), '0123456789') = '' THEN ''
    ELSE format('CONSTRAINT %I ', c.conname)
END || pg_catalog.pg_get_constraintdef(c.oid)
FROM pg_catalog.pg_constraint AS c
JOIN pg_catalog.pg_class AS r ON r.oid = c.conrelid
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
CROSS JOIN LATERAL (
    SELECT CASE c.contype
        WHEN 'p' THEN left(r.relname::text, 58) || '_pkey'
        ELSE left(r.relname || '_' || a.attname, 57)
            || CASE c.contype WHEN 'u' THEN '_key' ELSE '_fkey' END
    END AS base
) AS made
WHERE c.oid = $1
$body$;

CREATE FUNCTION pg_catalog.blueshift_table_statement(relid regclass)
RETURNS varchar LANGUAGE sql STABLE AS $body$
SELECT (
    'CREATE TABLE ' || quote_ident(r.nspname) || '.' || quote_ident(r.relname) || ' (' || chr(10) || '    '
    || (
        SELECT string_agg(line, ',' || chr(10) || '    ' ORDER BY place, number) FROM (
            SELECT pg_catalog.blueshift_column_line(r.relid, a.attnum) AS line, 1 AS place,
                a.attnum::int8 AS number
            FROM pg_catalog.blueshift_attributes AS a WHERE a.attrelid = r.relid
            UNION ALL
            SELECT pg_catalog.blueshift_key_line(c.oid), 2, c.oid::int8
            FROM pg_catalog.pg_constraint AS c
            WHERE c.conrelid = r.relid AND c.contype IN ('p', 'u', 'f')
        ) AS lines
    )
    || chr(10) || ')' || chr(10) || CASE WHEN r.backup THEN '' ELSE 'BACKUP NO' || chr(10) END
    || 'DISTSTYLE ' || r.diststyle
    || coalesce((
        SELECT chr(10) || CASE r.sortstyle WHEN 'INTERLEAVED' THEN 'INTERLEAVED ' ELSE '' END
            || 'SORTKEY ( '
            || string_agg(quote_ident(a.attname), ', ' ORDER BY abs(a.attsortkeyord)) || ' )'
        FROM pg_catalog.blueshift_attributes AS a
        WHERE a.attrelid = r.relid AND a.attsortkeyord <> 0
        HAVING 0 < count(*)
    ), '')
    || ';'
)::varchar
FROM pg_catalog.blueshift_relations AS r WHERE r.relid = $1
$body$;

GRANT SELECT ON
    pg_catalog.blueshift_attributes, pg_catalog.blueshift_relations, pg_catalog.pg_table_def
TO PUBLIC;
