-- "Compression encodings": which types each is for.
CREATE FUNCTION pg_catalog.blueshift_judge_encodings(relid oid, declared json)
RETURNS void LANGUAGE plpgsql STABLE AS $body$
DECLARE
    unfit text;
    integers oid[] := ARRAY['int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype];
    moments oid[] := ARRAY['date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype];
    floats oid[] := ARRAY['bool'::regtype, 'float4'::regtype, 'float8'::regtype];
    texts oid[] := ARRAY['varchar'::regtype, 'bpchar'::regtype];
BEGIN
    SELECT a.attname INTO unfit
    FROM json_each(declared) AS d
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = $1 AND a.attname = d.key
    WHERE NOT CASE
        WHEN d.value->>'encoding' IN ('text255', 'text32k') THEN a.atttypid = 'varchar'::regtype
        WHEN d.value->>'encoding' = 'mostly8' THEN a.atttypid = ANY (integers)
        WHEN d.value->>'encoding' = 'mostly16' THEN a.atttypid = ANY (integers[2:])
        WHEN d.value->>'encoding' = 'mostly32' THEN a.atttypid = ANY (integers[3:])
        WHEN d.value->>'encoding' = 'delta' THEN a.atttypid = ANY (integers || moments)
        WHEN d.value->>'encoding' = 'delta32k' THEN a.atttypid = ANY (integers[2:] || moments)
        WHEN d.value->>'encoding' = 'az64' THEN
            a.atttypid <> ALL (floats || texts || 'super'::regtype::oid || 'varbyte'::regtype::oid)
        WHEN d.value->>'encoding' = 'lzo' THEN a.atttypid <> ALL (floats)
        WHEN d.value->>'encoding' = 'bytedict' THEN a.atttypid <> 'bool'::regtype
        ELSE true
    END LIMIT 1;
    IF unfit IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'syntax_error',
            MESSAGE = format('invalid encoding type specified for column "%s"', unfit);
    END IF;
END
$body$;

-- "ALTER TABLE", ALTER COLUMN TYPE: of which columns the size can be changed.
CREATE FUNCTION pg_catalog.blueshift_judge_resize()
RETURNS event_trigger LANGUAGE plpgsql AS $body$
DECLARE
    pieces text[] := string_to_array(current_query(), '/*blueshift:');
    declared json;
    resized record;
    refused text;
BEGIN
    IF cardinality(pieces) < 2 THEN
        RETURN;
    END IF;
    declared := split_part(pieces[cardinality(pieces)], '*/', 1)::json;
    IF declared->>'resize' IS NULL THEN
        RETURN;
    END IF;
    SELECT a.attname, a.attrelid, a.attnum, a.atttypid, a.atthasdef, c.encoding INTO resized
    FROM pg_catalog.pg_attribute AS a
    LEFT JOIN pg_catalog.blueshift_columns AS c ON c.relid = a.attrelid AND c.attnum = a.attnum
    WHERE a.attrelid = to_regclass(declared->>'written') AND a.attname = declared->>'resize'
        AND 0 < a.attnum AND NOT a.attisdropped;
    IF resized IS NULL THEN
        RETURN; -- Postgres says so.
    END IF;
    refused := CASE
        WHEN resized.atttypid NOT IN ('varchar'::regtype, 'varbyte'::regtype) THEN
            'only the size of a VARCHAR column can be altered'
        WHEN resized.atthasdef THEN 'cannot alter the size of a VARCHAR column with default value'
        WHEN resized.encoding IN ('bytedict', 'runlength', 'text255', 'text32k') THEN
            format('cannot alter the size of a VARCHAR column with encoding %s', resized.encoding)
        WHEN EXISTS (
            SELECT FROM pg_catalog.pg_constraint AS c WHERE c.contype IN ('p', 'u', 'f') AND (
                c.conrelid = resized.attrelid AND resized.attnum = ANY (c.conkey)
                OR c.confrelid = resized.attrelid AND resized.attnum = ANY (c.confkey)
            )
        ) THEN 'cannot alter the size of a VARCHAR column with UNIQUE, PRIMARY KEY or FOREIGN KEY'
    END;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported', MESSAGE = refused,
            HINT = format('column "%s": add a new one, and copy the values into it', resized.attname);
    END IF;
END
$body$;

-- "ALTER TABLE APPEND": what the two tables have to have in common.
CREATE FUNCTION pg_catalog.blueshift_judge_append(target oid, source oid)
RETURNS void LANGUAGE plpgsql STABLE AS $body$
DECLARE
    refused text;
    unlike name;
BEGIN
    IF source = target THEN
        refused := 'The source table and the target table are the same table.';
    ELSIF EXISTS (
        SELECT FROM pg_catalog.pg_class AS c
        WHERE c.oid IN (source, target) AND (c.relpersistence = 't' OR c.relkind <> 'r')
    ) THEN
        refused := 'The source table and the target table must be permanent tables.';
    ELSIF pg_catalog.blueshift_storage(source)->'dist'
        IS DISTINCT FROM pg_catalog.blueshift_storage(target)->'dist' THEN
        refused := 'The source table and the target table have different distribution styles. '
            'Make sure both tables use the same distribution style: EVEN, ALL, or DISTKEY.';
    ELSIF pg_catalog.blueshift_storage(source)->'sort'
        IS DISTINCT FROM pg_catalog.blueshift_storage(target)->'sort' THEN
        refused := 'The source table and the target table have different sort keys. '
            'Make sure both tables use the same sort style and sort key columns.';
    ELSIF 1 < (
        SELECT count(DISTINCT a.attrelid) FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid IN (source, target) AND a.attidentity = 'a'
    ) THEN
        refused := 'The source table and the target table both have an identity column.';
    ELSE
        SELECT s.attname INTO unlike
        FROM pg_catalog.blueshift_attributes AS s
        JOIN pg_catalog.blueshift_attributes AS t ON t.attname = s.attname
        WHERE s.attrelid = source AND t.attrelid = target AND 0 < s.attnum AND 0 < t.attnum
            AND (s.type, s.encoding, s.attnotnull) IS DISTINCT FROM (t.type, t.encoding, t.attnotnull)
            AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_attribute AS a
                WHERE a.attrelid = source AND a.attnum = s.attnum AND a.attidentity = 'a'
            )
        ORDER BY s.attnum LIMIT 1;
        refused := format('Column "%s" of the source table and of the target table must have the '
            'same type, size, compression encoding and NOT NULL.', unlike);
        IF unlike IS NULL THEN
            RETURN;
        END IF;
    END IF;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_table_definition', MESSAGE = refused;
    END IF;
END
$body$;

-- The distribution and the sort key of a table, by the names of their columns.
CREATE FUNCTION pg_catalog.blueshift_storage(relid oid)
RETURNS jsonb LANGUAGE sql STABLE AS $body$
SELECT jsonb_build_object(
    'dist', jsonb_build_array(
        coalesce(max(t.diststyle), 'AUTO'), min(a.attname::text) FILTER (WHERE c.distkey)
    ),
    'sort', jsonb_build_array(
        coalesce(max(t.sortstyle) FILTER (WHERE c.sortkey <> 0), ''),
        jsonb_agg(a.attname::text ORDER BY abs(c.sortkey)) FILTER (WHERE c.sortkey <> 0)
    )
)
FROM pg_catalog.pg_attribute AS a
LEFT JOIN pg_catalog.blueshift_columns AS c ON c.relid = a.attrelid AND c.attnum = a.attnum
LEFT JOIN pg_catalog.blueshift_tables AS t ON t.relid = a.attrelid
WHERE a.attrelid = $1 AND 0 < a.attnum AND NOT a.attisdropped
$body$;

CREATE FUNCTION pg_catalog.blueshift_append(target oid, source_name text, mode text)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    source oid := to_regclass(source_name);
    extra text;
    lacking text;
    shared text;
BEGIN
    IF source IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table', MESSAGE = format('relation %s does not exist', source_name);
    END IF;
    IF NOT (
        SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE')
        FROM pg_catalog.pg_class AS c WHERE c.oid = source
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must be owner of relation %s', source_name);
    END IF;
    PERFORM pg_catalog.blueshift_judge_append(target, source);
    SELECT
        min(s.attname) FILTER (WHERE t.attname IS NULL),
        min(t.attname) FILTER (WHERE s.attname IS NULL),
        string_agg(quote_ident(s.attname), ', ') FILTER (WHERE t.attname = s.attname)
    INTO extra, lacking, shared
    FROM (
        SELECT *, CASE attidentity WHEN 'a' THEN 1 ELSE 0 END AS own FROM pg_catalog.pg_attribute
        WHERE attrelid = source AND 0 < attnum AND NOT attisdropped
    ) AS s
    FULL JOIN (
        SELECT *, CASE attidentity WHEN 'a' THEN 2 ELSE 0 END AS own FROM pg_catalog.pg_attribute
        WHERE attrelid = target AND 0 < attnum AND NOT attisdropped
    ) AS t ON t.attname = s.attname AND t.atttypid = s.atttypid AND t.own = s.own;
    IF extra IS NOT NULL AND mode IS DISTINCT FROM 'ignoreextra' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_table_definition',
            MESSAGE = format('source table has column "%s", which the target table lacks', extra),
            HINT = 'use IGNOREEXTRA';
    END IF;
    IF lacking IS NOT NULL AND mode IS DISTINCT FROM 'filltarget' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_table_definition',
            MESSAGE = format('target table has column "%s", which the source table lacks', lacking),
            HINT = 'use FILLTARGET';
    END IF;
    EXECUTE format(
        'INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s',
        target::regclass, shared, shared, source::regclass
    );
    EXECUTE format('DELETE FROM %s', source::regclass);
END
$body$;
