-- "Sort keys", "Zone maps": Redshift keeps the least and the greatest value of every block, and
-- skips the blocks that a range of the sort key rules out. Here a BRIN index on the sort key does
-- that, one entry per MiB. Nobody sees it. Temporary tables have none: they are small and short-lived.
CREATE FUNCTION pg_catalog.blueshift_is_zone_map(relation_name name)
RETURNS bool LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
SELECT starts_with($1::text, 'blueshift_zone_map_')
$body$;

-- Values that are long would not fit into an entry; a collation may lack an order of its own.
CREATE FUNCTION pg_catalog.blueshift_zone_columns(relid oid)
RETURNS text[] LANGUAGE sql STABLE AS $body$
SELECT array_agg(zoned.name ORDER BY zoned.place) FROM (
    SELECT quote_ident(a.attname) AS name, abs(c.sortkey) AS place
    FROM pg_catalog.blueshift_columns AS c
    JOIN pg_catalog.pg_class AS r
        ON r.oid = c.relid AND r.relpersistence <> 't' AND r.relkind = 'r'
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = c.relid AND a.attnum = c.attnum AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_collation AS o ON o.oid = a.attcollation
    WHERE c.relid = $1 AND c.sortkey <> 0 AND coalesce(o.collisdeterministic, true)
        AND (
            a.atttypid IN (
                'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'float4'::regtype,
                'float8'::regtype, 'numeric'::regtype, 'date'::regtype, 'time'::regtype,
                'timetz'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype
            )
            OR (
                a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype)
                AND a.atttypmod BETWEEN 4 AND 4 + 256
            )
        )
    ORDER BY abs(c.sortkey)
    LIMIT 8
) AS zoned
$body$;

CREATE FUNCTION pg_catalog.blueshift_make_zone_map(relid oid)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    wanted text[] := pg_catalog.blueshift_zone_columns($1);
    map name := 'blueshift_zone_map_' || $1;
    present_map oid;
    present text[];
BEGIN
    SELECT i.indexrelid, array_agg(quote_ident(a.attname) ORDER BY k.number)
    INTO present_map, present
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid AND c.relname = map
    CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, number)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = $1
    GROUP BY i.indexrelid;
    IF present IS NOT DISTINCT FROM wanted THEN
        RETURN;
    END IF;
    IF present_map IS NOT NULL THEN
        EXECUTE format('DROP INDEX %s', present_map::regclass);
        EXECUTE format('DROP TRIGGER blueshift_zone_map ON %s', $1::regclass);
    END IF;
    IF wanted IS NOT NULL THEN
        EXECUTE format(
            'CREATE INDEX %I ON %s USING brin (%s)', map, $1::regclass, array_to_string(wanted, ', ')
        );
        EXECUTE format(
            'CREATE TRIGGER blueshift_zone_map AFTER INSERT ON %s FOR EACH STATEMENT '
            'EXECUTE FUNCTION pg_catalog.blueshift_after_insert()', $1::regclass
        );
        UPDATE pg_catalog.pg_trigger AS t SET tgisinternal = true
        WHERE t.tgrelid = $1 AND t.tgname = 'blueshift_zone_map';
    END IF;
END
$body$;

-- Maps the blocks that have been filled since. A few rows are autovacuum's business. What has grown
-- to twice its size is remembered, for when the transaction has been committed.
CREATE FUNCTION pg_catalog.blueshift_after_insert()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '20ms' AS $body$
DECLARE
    setting text := 'zone_map_' || TG_RELID;
    inserted int8 := pg_catalog.pg_stat_get_xact_tuples_inserted(TG_RELID);
    grown oid[] := pg_catalog.blueshift_setting('grown', '{}')::oid[];
    map oid;
    known int8;
BEGIN
    IF inserted < pg_catalog.blueshift_setting(setting, '0')::int8 + 1000 THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('blueshift.' || setting, inserted::text, true);
    SELECT i.indexrelid, t.relpages INTO map, known
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
    WHERE i.indrelid = TG_RELID AND pg_catalog.blueshift_is_zone_map(c.relname);
    IF 2 * known < pg_catalog.pg_relation_size(TG_RELID) / current_setting('block_size')::int8
        AND TG_RELID <> ALL (grown)
    THEN
        PERFORM set_config('blueshift.grown', (grown || TG_RELID)::text, false);
    END IF;
    BEGIN
        PERFORM pg_catalog.brin_summarize_new_values(map);
    EXCEPTION WHEN lock_not_available THEN
        NULL; -- Whoever holds the lock is about to do the same.
    END;
    RETURN NULL;
END
$body$;

-- Lets the planner know of the tables that have grown ("COPY": STATUPDATE; "Automatic analyze"). The
-- relay calls it once their rows are committed: the lock that it takes lasts as long as the
-- transaction.
CREATE FUNCTION pg_catalog.blueshift_analyze_grown()
RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '20ms' AS $body$
DECLARE
    grown oid[] := pg_catalog.blueshift_setting('grown', '{}')::oid[];
    relation oid;
    columns text[];
BEGIN
    PERFORM set_config('blueshift.grown', '', false);
    FOREACH relation IN ARRAY grown LOOP
        columns := pg_catalog.blueshift_zone_columns(relation);
        CONTINUE WHEN columns IS NULL;
        BEGIN
            EXECUTE format('ANALYZE %s (%s)', relation::regclass, array_to_string(columns, ', '));
        EXCEPTION WHEN lock_not_available THEN
            NULL; -- Somebody else does the same, or changes the table.
        END;
    END LOOP;
END
$body$;

-- The catalog without them, nor the sequences, which IDENTITY has here and Redshift does not have.
DO $body$
BEGIN
    EXECUTE 'CREATE VIEW pg_catalog.blueshift_listed_pg_class AS SELECT ' || (
        SELECT string_agg(CASE a.attname
            WHEN 'relhastriggers' THEN
                'relhastriggers AND EXISTS (SELECT FROM pg_catalog.pg_trigger AS t '
                'WHERE t.tgrelid = present.oid AND t.tgname NOT IN (''blueshift_zone_map'', ''blueshift_read_only'')) '
                'AS relhastriggers'
            WHEN 'relhasindex' THEN
                'relhasindex AND EXISTS (SELECT FROM pg_catalog.pg_index AS i '
                'JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid WHERE i.indrelid = present.oid '
                'AND NOT pg_catalog.blueshift_is_zone_map(c.relname)) AS relhasindex'
            ELSE 'present.' || quote_ident(a.attname)
        END, ', ' ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = 'pg_catalog.pg_class'::regclass AND 0 < a.attnum
    ) || ' FROM pg_catalog.pg_class AS present '
        'WHERE present.relkind NOT IN (''i'', ''S'') OR (present.relkind = ''i'' AND NOT '
        'pg_catalog.blueshift_is_zone_map(present.relname))';
END
$body$;

CREATE VIEW pg_catalog.blueshift_listed_pg_index AS
SELECT present.* FROM pg_catalog.pg_index AS present
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_class AS c
    WHERE c.oid = present.indexrelid AND pg_catalog.blueshift_is_zone_map(c.relname)
);

CREATE VIEW pg_catalog.blueshift_listed_pg_attribute AS
SELECT present.* FROM pg_catalog.pg_attribute AS present
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_class AS c
    WHERE c.oid = present.attrelid AND c.relkind = 'i'
        AND pg_catalog.blueshift_is_zone_map(c.relname)
);

CREATE VIEW pg_catalog.blueshift_listed_pg_trigger AS
SELECT present.* FROM pg_catalog.pg_trigger AS present
WHERE present.tgname NOT IN ('blueshift_zone_map', 'blueshift_read_only');

CREATE VIEW pg_catalog.blueshift_listed_pg_depend AS
SELECT present.* FROM pg_catalog.pg_depend AS present
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_class AS c
    WHERE present.classid = 'pg_catalog.pg_class'::regclass AND c.oid = present.objid
        AND c.relkind = 'i' AND pg_catalog.blueshift_is_zone_map(c.relname)
) AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_trigger AS t
    WHERE present.classid = 'pg_catalog.pg_trigger'::regclass AND t.oid = present.objid
        AND t.tgname IN ('blueshift_zone_map', 'blueshift_read_only')
);

DO $body$
DECLARE
    shown text;
BEGIN
    FOREACH shown IN ARRAY ARRAY['pg_indexes', 'pg_stat_all_indexes', 'pg_statio_all_indexes'] LOOP
        EXECUTE format(
            'CREATE OR REPLACE VIEW pg_catalog.%I AS SELECT * FROM (%s) AS shown '
            'WHERE NOT pg_catalog.blueshift_is_zone_map(%I)',
            shown, rtrim(pg_get_viewdef(shown::regclass), ';'),
            CASE shown WHEN 'pg_indexes' THEN 'indexname' ELSE 'indexrelname' END
        );
    END LOOP;
END
$body$;

GRANT SELECT ON
    pg_catalog.blueshift_listed_pg_class, pg_catalog.blueshift_listed_pg_index,
    pg_catalog.blueshift_listed_pg_attribute, pg_catalog.blueshift_listed_pg_trigger,
    pg_catalog.blueshift_listed_pg_depend
TO PUBLIC;
