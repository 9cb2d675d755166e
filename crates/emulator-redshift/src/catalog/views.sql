-- The text of a view is kept as it was written ("SHOW VIEW", "PG_VIEWS"): what Postgres makes of it
-- is not Redshift's SQL. Materialized views are views there, and no view can be written.
CREATE TABLE pg_catalog.blueshift_views (
    relid oid PRIMARY KEY,
    definition text,
    names text,
    auto_refresh bool NOT NULL DEFAULT false,
    columns int2
);

GRANT SELECT ON pg_catalog.blueshift_views TO PUBLIC;

ALTER FUNCTION pg_catalog.pg_get_viewdef(oid) RENAME TO blueshift_viewdef;

ALTER FUNCTION pg_catalog.pg_get_viewdef(oid, bool) RENAME TO blueshift_viewdef;

CREATE FUNCTION pg_catalog.blueshift_view_query(oid)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT coalesce(
    (SELECT v.definition || ';' FROM pg_catalog.blueshift_views AS v WHERE v.relid = $1),
    pg_catalog.blueshift_viewdef($1)
)
$body$;

CREATE FUNCTION pg_catalog.pg_get_viewdef(oid, bool)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT CASE c.relkind
    WHEN 'm' THEN format('create materialized view %I.%I as ', n.nspname, c.relname)
    ELSE ''
END || pg_catalog.blueshift_view_query($1)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = $1
$body$;

CREATE FUNCTION pg_catalog.pg_get_viewdef(oid)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT pg_catalog.pg_get_viewdef($1, false)
$body$;

DO $body$
DECLARE
    shown text;
    changed text;
BEGIN
    FOREACH shown IN ARRAY ARRAY[
        'pg_catalog.pg_views', 'information_schema.views', 'information_schema.tables',
        'information_schema.columns'
    ] LOOP
        changed := pg_catalog.blueshift_viewdef(shown::regclass);
        changed := replace(changed, 'blueshift_viewdef(', 'pg_catalog.pg_get_viewdef(');
        changed := replace(
            changed, '(c.relkind = ''v''::"char")', '(c.relkind IN (''v''::"char", ''m''::"char"))'
        );
        changed := replace(
            changed, 'ARRAY[''r''::"char", ''v''::"char", ''f''::"char", ''p''::"char"]',
            'ARRAY[''r''::"char", ''v''::"char", ''f''::"char", ''p''::"char", ''m''::"char"]'
        );
        EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', shown, changed);
    END LOOP;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_refuse_change()
RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'feature_not_supported',
        MESSAGE = CASE TG_OP
            WHEN 'INSERT' THEN 'cannot insert into a view'
            WHEN 'UPDATE' THEN 'cannot update a view'
            ELSE 'cannot delete from a view'
        END,
        HINT = 'change the tables that it shows';
END
$body$;

-- "CREATE VIEW": standard views cannot be updated.
CREATE FUNCTION pg_catalog.blueshift_protect_view(relid oid)
RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    IF EXISTS (
        SELECT FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid = $1 AND t.tgname = 'blueshift_read_only'
    ) THEN
        RETURN;
    END IF;
    EXECUTE format(
        'CREATE TRIGGER blueshift_read_only INSTEAD OF INSERT OR UPDATE OR DELETE ON %s '
        'FOR EACH ROW EXECUTE FUNCTION pg_catalog.blueshift_refuse_change()', $1::regclass
    );
    UPDATE pg_catalog.pg_trigger AS t SET tgisinternal = true
    WHERE t.tgrelid = $1 AND t.tgname = 'blueshift_read_only';
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_declare_view(relid oid, declared json)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    count int2 := (SELECT c.relnatts FROM pg_catalog.pg_class AS c WHERE c.oid = $1);
BEGIN
    -- "CREATE VIEW", OR REPLACE: the identical set of columns.
    IF EXISTS (
        SELECT FROM pg_catalog.blueshift_views AS v WHERE v.relid = $1 AND v.columns <> count
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_table_definition', MESSAGE = 'cannot change number of columns in view';
    END IF;
    INSERT INTO pg_catalog.blueshift_views AS v (relid, definition, names, auto_refresh, columns)
    VALUES (
        $1, declared->>'view', declared->>'names',
        coalesce((declared->>'auto_refresh')::bool, false), count
    )
    ON CONFLICT ON CONSTRAINT blueshift_views_pkey DO UPDATE SET
        definition = coalesce(excluded.definition, v.definition),
        names = coalesce(excluded.names, CASE WHEN excluded.definition IS NULL THEN v.names END),
        auto_refresh = coalesce((declared->>'auto_refresh')::bool, v.auto_refresh);
END
$body$;

-- What is renamed has another name in the views that show it: their text is Postgres' from then on.
CREATE FUNCTION pg_catalog.blueshift_forget_texts(relid oid)
RETURNS void LANGUAGE sql AS $body$
UPDATE pg_catalog.blueshift_views AS v SET definition = NULL, names = NULL
WHERE v.relid = $1 AND current_query() NOT ILIKE '%rename to%';
UPDATE pg_catalog.blueshift_views AS v SET definition = NULL, names = NULL
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refobjid = $1 AND r.ev_class = v.relid
    AND d.refclassid = 'pg_catalog.pg_class'::regclass AND v.relid <> $1
$body$;

-- "CREATE TABLE AS": a column of a table has a length or a precision. Where the query does not tell,
-- text is as long as it may be, and a number has the decimals that its values have.
CREATE FUNCTION pg_catalog.blueshift_pin_types(relid oid)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    made record;
    type text;
    decimals int4;
    digits int4;
    length int4;
    changes text[];
BEGIN
    FOR made IN
        SELECT a.attname, a.atttypid::regtype AS type FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = $1 AND 0 < a.attnum AND NOT a.attisdropped AND a.atttypmod = -1
            AND a.atttypid IN (
                'text'::regtype, 'varchar'::regtype, 'name'::regtype, 'bpchar'::regtype,
                'numeric'::regtype
            )
    LOOP
        type := 'varchar(65535)';
        IF made.type = 'name'::regtype THEN
            type := 'varchar(128)';
        ELSIF made.type = 'bpchar'::regtype THEN
            EXECUTE format(
                'SELECT greatest(max(octet_length(%I)), 1) FROM %s', made.attname, $1::regclass
            ) INTO length;
            type := format('char(%s)', coalesce(length, 256));
        ELSIF made.type = 'numeric'::regtype THEN
            EXECUTE format(
                'SELECT max(scale(%1$I)), max(char_length(trunc(abs(%1$I))::text)) FROM %2$s',
                made.attname, $1::regclass
            ) INTO decimals, digits;
            type := format('numeric(38,%s)', least(
                coalesce(decimals, 10), 37, greatest(38 - coalesce(digits, 1), 0)
            ));
        END IF;
        changes := changes || format('ALTER COLUMN %I TYPE %s', made.attname, type);
    END LOOP;
    IF changes IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %s %s', $1::regclass, array_to_string(changes, ', '));
    END IF;
END
$body$;
