-- What "SHOW DATABASES", "SHOW SCHEMAS", "SHOW TABLES", "SHOW COLUMNS", "SHOW CONSTRAINTS" and
-- "SHOW VIEW" answer.
CREATE FUNCTION pg_catalog.blueshift_shown_schema(database_name text, schema_name text)
RETURNS oid LANGUAGE plpgsql STABLE AS $body$
DECLARE
    found oid;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_database AS d WHERE d.datname = $1) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_catalog_name', MESSAGE = format('database "%s" does not exist', $1);
    ELSIF $1 <> current_database() THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('SHOW of another database ("%s"): not emulated yet by this Redshift stand-in', $1),
            HINT = 'connect to that database';
    END IF;
    SELECT n.oid INTO found FROM pg_catalog.pg_namespace AS n WHERE n.nspname = $2;
    IF found IS NULL AND $2 IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_schema_name', MESSAGE = format('schema "%s" does not exist', $2);
    END IF;
    RETURN found;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_may_be_shown(relid oid)
RETURNS void LANGUAGE plpgsql STABLE AS $body$
BEGIN
    IF NOT has_table_privilege($1, 'SELECT') AND NOT has_any_column_privilege($1, 'SELECT') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for relation %s', (
                SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = $1
            ));
    END IF;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_show_table(regclass)
RETURNS varchar LANGUAGE plpgsql STABLE AS $body$
BEGIN
    IF (SELECT c.relkind FROM pg_catalog.pg_class AS c WHERE c.oid = $1) <> 'r' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type', MESSAGE = format('"%s" is not a table', $1);
    END IF;
    PERFORM pg_catalog.blueshift_may_be_shown($1);
    RETURN pg_catalog.blueshift_table_statement($1);
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_shown_table(database_name text, schema_name text, table_name text)
RETURNS oid LANGUAGE plpgsql STABLE AS $body$
DECLARE
    space oid := pg_catalog.blueshift_shown_schema($1, $2);
    found oid;
BEGIN
    SELECT c.oid INTO found FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = space AND c.relname = $3 AND c.relkind IN ('r', 'v', 'm');
    IF found IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table', MESSAGE = format('relation "%s.%s" does not exist', $2, $3);
    END IF;
    PERFORM pg_catalog.blueshift_may_be_shown(found);
    RETURN found;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_show_schemas(text)
RETURNS TABLE (
    database_name varchar, schema_name varchar, schema_owner int4, schema_type varchar,
    schema_acl varchar, source_database varchar, schema_option varchar
) LANGUAGE plpgsql STABLE AS $body$
BEGIN
    PERFORM pg_catalog.blueshift_shown_schema($1, NULL);
    RETURN QUERY SELECT * FROM pg_catalog.svv_all_schemas;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_show_tables(text, text)
RETURNS TABLE (
    database_name varchar, schema_name varchar, table_name varchar, table_type varchar,
    table_acl varchar, remarks varchar, owner varchar, last_altered_time timestamp,
    last_modified_time timestamp, dist_style varchar, table_subtype varchar
) LANGUAGE plpgsql STABLE AS $body$
DECLARE
    space oid := pg_catalog.blueshift_shown_schema($1, $2);
BEGIN
    RETURN QUERY SELECT
        $1::varchar, $2::varchar, c.relname::varchar,
        CASE c.relkind WHEN 'r' THEN 'TABLE' ELSE 'VIEW' END::varchar,
        array_to_string(c.relacl, '~')::varchar, obj_description(c.oid, 'pg_class')::varchar,
        pg_get_userbyid(c.relowner)::varchar, r.created, r.created,
        CASE r.diststyle
            WHEN 'AUTO' THEN 'AUTO(ALL)'
            WHEN 'KEY' THEN 'KEY(' || (
                SELECT a.attname FROM pg_catalog.blueshift_attributes AS a
                WHERE a.attrelid = c.oid AND a.attisdistkey
            ) || ')'
            ELSE r.diststyle
        END::varchar,
        CASE c.relkind
            WHEN 'r' THEN 'REGULAR TABLE'
            WHEN 'm' THEN 'MATERIALIZED VIEW'
            ELSE 'REGULAR VIEW'
        END::varchar
    FROM pg_catalog.pg_class AS c
    LEFT JOIN pg_catalog.blueshift_relations AS r ON r.relid = c.oid
    WHERE c.relnamespace = space AND c.relkind IN ('r', 'v', 'm')
        AND has_schema_privilege(space, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
        AND NOT ($2 = 'pg_catalog' AND c.relname LIKE 'blueshift%');
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_show_columns(text, text, text)
RETURNS TABLE (
    database_name varchar, schema_name varchar, table_name varchar, column_name varchar,
    ordinal_position int4, column_default varchar, is_nullable varchar, data_type varchar,
    character_maximum_length int4, numeric_precision int4, numeric_scale int4, remarks varchar,
    sort_key_type varchar, sort_key int4, dist_key int4, encoding varchar, collation varchar
) LANGUAGE plpgsql STABLE AS $body$
DECLARE
    shown oid := pg_catalog.blueshift_shown_table($1, $2, $3);
BEGIN
    RETURN QUERY SELECT
        s.database_name, s.schema_name, s.table_name, s.column_name, s.ordinal_position,
        s.column_default, s.is_nullable, s.data_type, s.character_maximum_length,
        s.numeric_precision, s.numeric_scale, s.remarks,
        CASE WHEN a.attsortkeyord <> 0 THEN (
            SELECT r.sortstyle FROM pg_catalog.blueshift_relations AS r WHERE r.relid = shown
        ) END::varchar,
        nullif(abs(a.attsortkeyord), 0), CASE WHEN a.attisdistkey THEN 1 END, a.encoding::varchar,
        CASE
            WHEN p.attcollation = 0 THEN NULL
            WHEN (
                SELECT o.collname FROM pg_catalog.pg_collation AS o WHERE o.oid = p.attcollation
            ) = 'case_insensitive' THEN 'case_insensitive'
            ELSE 'default'
        END::varchar
    FROM pg_catalog.svv_all_columns AS s
    JOIN pg_catalog.pg_attribute AS p ON p.attrelid = shown AND p.attname = s.column_name
    LEFT JOIN pg_catalog.blueshift_attributes AS a ON a.attrelid = shown AND a.attnum = p.attnum
    WHERE s.schema_name = $2 AND s.table_name = $3;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_show_primary_keys(text, text, text)
RETURNS TABLE (
    database_name varchar, schema_name varchar, table_name varchar, column_name varchar,
    key_seq int4, pk_name varchar
) LANGUAGE plpgsql STABLE AS $body$
DECLARE
    shown oid := pg_catalog.blueshift_shown_table($1, $2, $3);
BEGIN
    RETURN QUERY SELECT
        $1::varchar, $2::varchar, $3::varchar, a.attname::varchar, key.number::int4,
        c.conname::varchar
    FROM pg_catalog.pg_constraint AS c
    CROSS JOIN LATERAL unnest(c.conkey) WITH ORDINALITY AS key (attnum, number)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = key.attnum
    WHERE c.conrelid = shown AND c.contype = 'p' ORDER BY key.number;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_show_foreign_keys(text, text, text, exported bool)
RETURNS TABLE (
    pk_database_name varchar, pk_schema_name varchar, pk_table_name varchar,
    pk_column_name varchar, fk_database_name varchar, fk_schema_name varchar,
    fk_table_name varchar, fk_column_name varchar, key_seq int4, update_rule int4,
    delete_rule int4, fk_name varchar, pk_name varchar, deferrability int4
) LANGUAGE plpgsql STABLE AS $body$
DECLARE
    shown oid := pg_catalog.blueshift_shown_table($1, $2, $3);
BEGIN
    RETURN QUERY SELECT
        $1::varchar, one_space.nspname::varchar, one.relname::varchar, one_column.attname::varchar,
        $1::varchar, many_space.nspname::varchar, many.relname::varchar,
        many_column.attname::varchar, key.number::int4, 3, 3, c.conname::varchar,
        (
            SELECT p.conname::varchar FROM pg_catalog.pg_constraint AS p
            WHERE p.conrelid = c.confrelid AND p.contype IN ('p', 'u') AND p.conkey = c.confkey
            LIMIT 1
        ), 7
    FROM pg_catalog.pg_constraint AS c
    CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY AS key (many, one, number)
    JOIN pg_catalog.pg_class AS many ON many.oid = c.conrelid
    JOIN pg_catalog.pg_namespace AS many_space ON many_space.oid = many.relnamespace
    JOIN pg_catalog.pg_attribute AS many_column
        ON many_column.attrelid = many.oid AND many_column.attnum = key.many
    JOIN pg_catalog.pg_class AS one ON one.oid = c.confrelid
    JOIN pg_catalog.pg_namespace AS one_space ON one_space.oid = one.relnamespace
    JOIN pg_catalog.pg_attribute AS one_column
        ON one_column.attrelid = one.oid AND one_column.attnum = key.one
    WHERE c.contype = 'f' AND shown = CASE WHEN exported THEN c.confrelid ELSE c.conrelid END
    ORDER BY c.conname, key.number;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_show_view(regclass)
RETURNS varchar LANGUAGE plpgsql STABLE AS $body$
DECLARE
    kind "char";
    name text;
BEGIN
    SELECT c.relkind, format('%I.%I', n.nspname, c.relname) INTO kind, name
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = $1;
    IF kind NOT IN ('v', 'm') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type', MESSAGE = format('"%s" is not a view', $1);
    END IF;
    PERFORM pg_catalog.blueshift_may_be_shown($1);
    name := name || coalesce((
        SELECT ' ' || v.names FROM pg_catalog.blueshift_views AS v WHERE v.relid = $1
    ), '');
    RETURN 'CREATE ' || CASE kind WHEN 'm' THEN 'MATERIALIZED VIEW ' ELSE 'VIEW ' END || name
        || ' AS' || chr(10) || pg_catalog.blueshift_view_query($1);
END
$body$;
