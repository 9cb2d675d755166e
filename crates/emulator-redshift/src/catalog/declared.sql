CREATE TABLE pg_catalog.blueshift_tables (
    relid oid PRIMARY KEY,
    diststyle text NOT NULL DEFAULT 'AUTO',
    sortstyle text NOT NULL DEFAULT 'AUTO',
    backup bool NOT NULL DEFAULT true,
    created timestamp NOT NULL DEFAULT localtimestamp
);

CREATE TABLE pg_catalog.blueshift_columns (
    relid oid NOT NULL,
    attnum int2 NOT NULL,
    encoding text,
    distkey bool NOT NULL DEFAULT false,
    sortkey int4 NOT NULL DEFAULT 0,
    PRIMARY KEY (relid, attnum)
);

GRANT SELECT ON pg_catalog.blueshift_tables, pg_catalog.blueshift_columns TO PUBLIC;

-- A relation by its name, as the client's statement means it: functions with the rights of the
-- superuser have a search path of their own.
CREATE FUNCTION pg_catalog.blueshift_regclass(written text)
RETURNS oid LANGUAGE plpgsql STABLE AS $body$
DECLARE
    space text;
    found oid := to_regclass(written);
BEGIN
    IF found IS NULL AND cardinality(parse_ident(written)) = 1 THEN
        FOREACH space IN ARRAY pg_catalog.blueshift_setting('schemas', '{}')::text[] LOOP
            found := coalesce(found, to_regclass(quote_ident(space) || '.' || written));
        END LOOP;
    END IF;
    RETURN found;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_attnums(relid oid, names json)
RETURNS int2[] LANGUAGE plpgsql STABLE AS $body$
DECLARE
    missing text;
    result int2[];
BEGIN
    SELECT name INTO missing FROM json_array_elements_text($2) AS name
    WHERE NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = $1 AND a.attname = name AND 0 < a.attnum AND NOT a.attisdropped
    ) LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('column "%s" named in key does not exist', missing);
    END IF;
    SELECT array_agg(a.attnum ORDER BY names.number) INTO result
    FROM json_array_elements_text($2) WITH ORDINALITY AS names (name, number)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = $1 AND a.attname = names.name;
    RETURN result;
END
$body$;

-- "GRANT", REFERENCES: whose statement it is must have the right to refer to the table.
CREATE FUNCTION pg_catalog.blueshift_judge_reference(relid oid)
RETURNS void LANGUAGE plpgsql STABLE AS $body$
DECLARE
    invoker name := current_setting('blueshift.invoker');
    refused text;
BEGIN
    SELECT CASE
        WHEN NOT has_schema_privilege(invoker, c.relnamespace, 'USAGE')
            THEN format('permission denied for schema %s', n.nspname)
        WHEN NOT has_table_privilege(invoker, c.oid, 'REFERENCES')
            THEN format('permission denied for relation %s', c.relname)
    END
    INTO refused
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = $1;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = refused;
    END IF;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_declare_key(relid oid, declared json)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    kind "char" := (declared->>'kind')::"char";
    relation pg_catalog.pg_class%ROWTYPE;
    columns int2[] := pg_catalog.blueshift_attnums($1, declared->'columns');
    other oid := 0;
    other_columns int2[];
    base text;
    name text;
    number int4 := 0;
    id oid := pg_catalog.pg_nextoid('pg_catalog.pg_constraint', 'oid', 'pg_catalog.pg_constraint_oid_index');
BEGIN
    -- What it is told may be the client's own words.
    IF kind NOT IN ('p', 'u', 'f') OR columns IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_table_definition', MESSAGE = 'a key is PRIMARY, UNIQUE or FOREIGN';
    END IF;
    SELECT * INTO relation FROM pg_catalog.pg_class AS c WHERE c.oid = $1;
    IF kind = 'p' AND EXISTS (
        SELECT FROM pg_catalog.pg_constraint AS c WHERE c.conrelid = $1 AND c.contype = 'p'
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_table_definition',
            MESSAGE = format('multiple primary keys for table "%s" are not allowed', relation.relname);
    END IF;
    IF kind = 'f' THEN
        other := pg_catalog.blueshift_regclass(declared->>'references');
        IF other IS NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'undefined_table',
                MESSAGE = format('relation %s does not exist', declared->>'references');
        END IF;
        PERFORM pg_catalog.blueshift_judge_reference(other);
        IF json_array_length(declared->'referenced') = 0 THEN
            SELECT c.conkey INTO other_columns
            FROM pg_catalog.pg_constraint AS c WHERE c.conrelid = other AND c.contype = 'p';
        ELSE
            other_columns := pg_catalog.blueshift_attnums(other, declared->'referenced');
        END IF;
        IF array_length(columns, 1) IS DISTINCT FROM array_length(other_columns, 1) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_foreign_key',
                MESSAGE = 'number of referencing and referenced columns for foreign key disagree';
        END IF;
    END IF;
    base := coalesce(declared->>'name', CASE kind
        WHEN 'p' THEN left(relation.relname, 58) || '_pkey'
        ELSE left(relation.relname || '_' || (declared->'columns'->>0), 57)
            || CASE kind WHEN 'u' THEN '_key' ELSE '_fkey' END
    END);
    name := base;
    WHILE EXISTS (
        SELECT FROM pg_catalog.pg_constraint AS c WHERE c.conrelid = $1 AND c.conname = name
    ) LOOP
        IF declared->>'name' IS NOT NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'duplicate_object',
                MESSAGE = format('constraint "%s" for relation "%s" already exists', name, relation.relname);
        END IF;
        number := number + 1;
        name := base || number;
    END LOOP;
    INSERT INTO pg_catalog.pg_constraint (
        oid, conname, connamespace, contype, condeferrable, condeferred, convalidated, conrelid,
        contypid, conindid, conparentid, confrelid, confupdtype, confdeltype, confmatchtype,
        conislocal, coninhcount, connoinherit, conkey, confkey
    ) VALUES (
        id, name, relation.relnamespace, kind, false, false, true, $1, 0, 0, 0, other,
        CASE WHEN kind = 'f' THEN 'a' ELSE ' ' END::"char",
        CASE WHEN kind = 'f' THEN 'a' ELSE ' ' END::"char",
        CASE WHEN kind = 'f' THEN 's' ELSE ' ' END::"char",
        true, 0, true, columns, other_columns
    );
    INSERT INTO pg_catalog.pg_depend (classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype)
    SELECT 'pg_catalog.pg_constraint'::regclass, id, 0, 'pg_catalog.pg_class'::regclass, table_id, 0, deptype
    FROM (SELECT $1, 'a'::"char" UNION SELECT other, 'n'::"char") AS needed (table_id, deptype)
    WHERE table_id <> 0 AND (table_id <> $1 OR deptype = 'a');
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_declare(relid oid, declared json)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    parent oid;
    element json;
    refused text;
BEGIN
    IF (declared->>'create')::bool THEN
        DELETE FROM pg_catalog.blueshift_tables AS t WHERE t.relid = $1;
        DELETE FROM pg_catalog.blueshift_columns AS c WHERE c.relid = $1;
    END IF;
    INSERT INTO pg_catalog.blueshift_tables (relid) VALUES ($1) ON CONFLICT DO NOTHING;
    INSERT INTO pg_catalog.blueshift_columns (relid, attnum)
    SELECT $1, a.attnum FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = $1 AND 0 < a.attnum AND NOT a.attisdropped ON CONFLICT DO NOTHING;
    FOR parent IN
        SELECT pg_catalog.blueshift_regclass(name)
        FROM json_array_elements_text(declared->'like') AS name
    LOOP
        UPDATE pg_catalog.blueshift_tables AS t
        SET diststyle = p.diststyle, sortstyle = p.sortstyle, backup = p.backup
        FROM pg_catalog.blueshift_tables AS p WHERE t.relid = $1 AND p.relid = parent;
        UPDATE pg_catalog.blueshift_columns AS c
        SET encoding = p.encoding, distkey = p.distkey, sortkey = p.sortkey
        FROM pg_catalog.blueshift_columns AS p
        JOIN pg_catalog.pg_attribute AS b ON b.attrelid = p.relid AND b.attnum = p.attnum
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = $1 AND a.attname = b.attname
        WHERE p.relid = parent AND c.relid = $1 AND c.attnum = a.attnum;
    END LOOP;
    IF declared->>'diststyle' IS NOT NULL THEN
        UPDATE pg_catalog.blueshift_tables AS t SET diststyle = declared->>'diststyle'
        WHERE t.relid = $1;
        UPDATE pg_catalog.blueshift_columns AS c SET distkey = false WHERE c.relid = $1;
    END IF;
    IF declared->>'distkey' IS NOT NULL THEN
        UPDATE pg_catalog.blueshift_columns AS c SET distkey = c.attnum = ANY (
            pg_catalog.blueshift_attnums($1, json_build_array(declared->>'distkey'))
        )
        WHERE c.relid = $1;
    END IF;
    IF declared->>'sortstyle' IS NOT NULL THEN
        UPDATE pg_catalog.blueshift_tables AS t SET sortstyle = declared->>'sortstyle'
        WHERE t.relid = $1;
        UPDATE pg_catalog.blueshift_columns AS c SET sortkey = coalesce(array_position(
            pg_catalog.blueshift_attnums($1, declared->'sortkey'), c.attnum
        ), 0)
        WHERE c.relid = $1;
        IF declared->>'sortstyle' = 'INTERLEAVED' THEN
            UPDATE pg_catalog.blueshift_columns AS c SET sortkey = -c.sortkey
            WHERE c.relid = $1 AND c.sortkey % 2 = 0;
        END IF;
    END IF;
    IF declared->>'backup' IS NOT NULL THEN
        UPDATE pg_catalog.blueshift_tables AS t SET backup = (declared->>'backup')::bool
        WHERE t.relid = $1;
    END IF;
    UPDATE pg_catalog.blueshift_columns AS c
    SET encoding = coalesce(d.value->>'encoding', c.encoding)
    FROM json_each(declared->'columns') AS d
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = $1 AND a.attname = d.key
    WHERE c.relid = $1 AND c.attnum = a.attnum;
    PERFORM pg_catalog.blueshift_judge_encodings($1, declared->'columns');
    SELECT format('column "%s" of type %s cannot be a distribution key or a sort key',
        a.attname, format_type(a.atttypid, NULL))
    INTO refused
    FROM pg_catalog.blueshift_columns AS c
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.relid AND a.attnum = c.attnum
    WHERE c.relid = $1 AND (c.distkey OR c.sortkey <> 0)
        AND a.atttypid IN ('varbyte'::regtype, 'super'::regtype);
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = refused;
    END IF;
    FOR element IN SELECT json_array_elements(declared->'keys') LOOP
        PERFORM pg_catalog.blueshift_declare_key($1, element);
    END LOOP;
    PERFORM pg_catalog.blueshift_make_zone_map($1);
END
$body$;

-- Of the statement that is executed, what it declares; the rows are the tables that others are to
-- be appended to. Only an event trigger can call it.
CREATE FUNCTION pg_catalog.blueshift_declared()
RETURNS TABLE (target oid, source text, mode text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    -- A procedure says it beforehand: the query is the CALL.
    said text := pg_catalog.blueshift_setting('declared', '');
    pieces text[] := string_to_array(current_query(), '/*blueshift:');
    declared json;
    changed oid;
    taken text;
BEGIN
    IF EXISTS (
        SELECT FROM pg_catalog.pg_event_trigger_ddl_commands() AS d
        JOIN pg_catalog.blueshift_columns AS c ON c.relid = d.objid
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.relid AND a.attnum = c.attnum
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND a.attisdropped
            AND (c.distkey OR c.sortkey <> 0)
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = 'cannot drop a column that is part of the distribution key or the sort key';
    END IF;
    -- What an expression gives has a length on Redshift.
    UPDATE pg_catalog.pg_attribute AS a SET
        atttypid = CASE a.atttypid WHEN 'text'::regtype THEN 'varchar'::regtype ELSE a.atttypid END,
        atttypmod = CASE a.atttypid WHEN 'varbyte'::regtype THEN 64000 ELSE 65535 + 4 END
    FROM pg_catalog.pg_event_trigger_ddl_commands() AS d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.command_tag = 'CREATE TABLE AS'
        AND a.attrelid = d.objid AND 0 < a.attnum AND a.atttypmod = -1
        AND a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'varbyte'::regtype);
    PERFORM pg_catalog.blueshift_make_zone_map(altered.relid) FROM (
        SELECT DISTINCT c.relid FROM pg_catalog.pg_event_trigger_ddl_commands() AS d
        JOIN pg_catalog.blueshift_columns AS c ON c.relid = d.objid AND c.sortkey <> 0
        WHERE d.classid = 'pg_catalog.pg_class'::regclass
    ) AS altered;
    SELECT c.relname INTO taken
    FROM pg_catalog.pg_event_trigger_ddl_commands() AS d
    JOIN pg_catalog.pg_class AS c ON c.oid = d.objid
    JOIN pg_catalog.pg_class AS s ON s.relname = c.relname AND s.oid <> c.oid
    WHERE d.classid = 'pg_catalog.pg_class'::regclass
        AND s.relnamespace = 'pg_catalog'::regnamespace AND c.relname ~ '^(stl|stv|svl|svv|sys)_';
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_table', MESSAGE = format('relation "%s" already exists', taken);
    END IF;
    PERFORM pg_catalog.blueshift_protect_view(d.objid)
    FROM pg_catalog.pg_event_trigger_ddl_commands() AS d
    JOIN pg_catalog.pg_class AS c ON c.oid = d.objid AND c.relkind = 'v'
    WHERE d.classid = 'pg_catalog.pg_class'::regclass;
    PERFORM pg_catalog.blueshift_forget_texts(d.objid)
    FROM pg_catalog.pg_event_trigger_ddl_commands() AS d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.command_tag LIKE 'ALTER %'
        AND current_query() ILIKE '%rename%';
    IF said <> '' THEN
        PERFORM set_config('blueshift.declared', '', false);
        BEGIN
            declared := said::json;
        EXCEPTION WHEN OTHERS THEN
            RETURN; -- None of ours: a client can set it too.
        END;
    ELSIF cardinality(pieces) < 2 THEN
        RETURN;
    ELSE
        declared := split_part(pieces[cardinality(pieces)], '*/', 1)::json;
    END IF;
    FOR changed IN
        SELECT DISTINCT d.objid FROM pg_catalog.pg_event_trigger_ddl_commands() AS d
        JOIN pg_catalog.pg_class AS c ON c.oid = d.objid
        WHERE d.classid = 'pg_catalog.pg_class'::regclass
            AND c.relkind = ANY (ARRAY['r', 'v', 'm']::"char"[])
            -- EXECUTE does not know the table beforehand.
            AND c.relname = coalesce(declared->>'table', c.relname)
    LOOP
        IF EXISTS (
            SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = changed AND c.relkind <> 'r'
        ) THEN
            PERFORM pg_catalog.blueshift_declare_view(changed, declared);
            CONTINUE WHEN declared->>'diststyle' IS NULL AND declared->>'sortstyle' IS NULL;
        END IF;
        PERFORM pg_catalog.blueshift_declare(changed, declared);
        RETURN QUERY SELECT changed, declared->>'append', declared->>'mode'
        WHERE declared->>'append' IS NOT NULL;
    END LOOP;
END
$body$;

-- Rows move with the rights of the client: they may call functions of anybody's.
CREATE FUNCTION pg_catalog.blueshift_remember()
RETURNS event_trigger LANGUAGE plpgsql AS $body$
DECLARE
    appended record;
BEGIN
    PERFORM pg_catalog.set_config(
        'blueshift.schemas', pg_catalog.current_schemas(true)::pg_catalog.text, true
    );
    PERFORM pg_catalog.set_config('blueshift.invoker', current_user, true);
    IF TG_TAG IN ('CREATE TABLE AS', 'SELECT INTO') THEN
        PERFORM pg_catalog.blueshift_pin_types(d.objid)
        FROM pg_catalog.pg_event_trigger_ddl_commands() AS d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass;
    END IF;
    FOR appended IN SELECT * FROM pg_catalog.blueshift_declared() LOOP
        PERFORM pg_catalog.blueshift_append(appended.target, appended.source, appended.mode);
    END LOOP;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_forget()
RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    DELETE FROM pg_catalog.blueshift_tables AS t
    USING pg_catalog.pg_event_trigger_dropped_objects() AS d
    WHERE t.relid = d.objid AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0;
    DELETE FROM pg_catalog.blueshift_columns AS c
    USING pg_catalog.pg_event_trigger_dropped_objects() AS d
    WHERE c.relid = d.objid AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0;
    DELETE FROM pg_catalog.blueshift_views AS v
    USING pg_catalog.pg_event_trigger_dropped_objects() AS d
    WHERE v.relid = d.objid AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0;
END
$body$;

CREATE EVENT TRIGGER blueshift_forget ON sql_drop
WHEN TAG IN (
    'DROP TABLE', 'DROP SCHEMA', 'DROP VIEW', 'DROP MATERIALIZED VIEW', 'DROP FUNCTION',
    'ALTER TABLE'
)
EXECUTE FUNCTION pg_catalog.blueshift_forget();

ALTER FUNCTION pg_catalog.pg_get_constraintdef(oid) RENAME TO blueshift_constraintdef;

ALTER FUNCTION pg_catalog.pg_get_constraintdef(oid, bool) RENAME TO blueshift_constraintdef;

CREATE FUNCTION pg_catalog.pg_get_constraintdef(oid, bool)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT CASE
    WHEN c.contype IN ('p', 'u') AND c.conindid = 0 THEN
        CASE c.contype WHEN 'p' THEN 'PRIMARY KEY (' ELSE 'UNIQUE (' END || (
            SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.number)
            FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, number)
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
        ) || ')'
    ELSE pg_catalog.blueshift_constraintdef(c.oid, $2)
END
FROM pg_catalog.pg_constraint AS c WHERE c.oid = $1
$body$;

CREATE FUNCTION pg_catalog.pg_get_constraintdef(oid)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT pg_catalog.pg_get_constraintdef($1, false)
$body$;
