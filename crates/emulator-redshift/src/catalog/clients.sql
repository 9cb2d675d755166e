CREATE FUNCTION pg_catalog.charindex(part text, whole text)
RETURNS int4 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT strpos($2, $1)
$body$;

CREATE FUNCTION pg_catalog.regexp_replace(source text, pattern text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.regexp_replace($1, $2, '', 'g')
$body$;

CREATE FUNCTION pg_catalog.format_encoding(encoding int4)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
SELECT coalesce(
    (ARRAY['none', 'raw', 'bytedict', 'delta', 'delta32k', 'lzo', 'mostly8', 'mostly16', 'mostly32',
           'runlength', 'text255', 'text32k', 'zstd', 'az64'])[$1 + 1],
    'unknown'
)
$body$;

CREATE FUNCTION pg_catalog.pg_get_late_binding_view_cols()
RETURNS SETOF record LANGUAGE plpgsql STABLE AS $body$
BEGIN
    RETURN;
END
$body$;

CREATE VIEW pg_catalog.blueshift_pg_class AS
SELECT
    relation.*,
    CASE declared.diststyle
        WHEN 'KEY' THEN 1
        WHEN 'ALL' THEN 8
        WHEN 'AUTO' THEN 9
        ELSE 0
    END::int2 AS reldiststyle,
    false AS relhasoids
FROM pg_catalog.blueshift_listed_pg_class AS relation
LEFT JOIN pg_catalog.blueshift_tables AS declared ON declared.relid = relation.oid;

-- An IDENTITY column has a default, as far as clients see ("SVV_COLUMNS").
CREATE VIEW pg_catalog.blueshift_identities AS
SELECT
    column_of.attrelid, column_of.attnum,
    format(
        CASE column_of.attidentity
            WHEN 'a' THEN '"identity"(%s, 0, ''%s,%s''::text)'
            ELSE 'default_identity(%s, 0, ''%s,%s''::text)'
        END,
        column_of.attrelid, made.seqstart, made.seqincrement
    ) AS expression
FROM pg_catalog.pg_attribute AS column_of
JOIN pg_catalog.pg_depend AS part ON part.refclassid = 'pg_catalog.pg_class'::regclass
    AND part.refobjid = column_of.attrelid AND part.refobjsubid = column_of.attnum
    AND part.classid = 'pg_catalog.pg_class'::regclass AND part.deptype = 'i'
JOIN pg_catalog.pg_sequence AS made ON made.seqrelid = part.objid
WHERE column_of.attidentity <> '' AND NOT column_of.attisdropped;

DO $body$
DECLARE
    columns text;
BEGIN
    SELECT string_agg(CASE a.attname
        WHEN 'atthasdef' THEN '(attribute.atthasdef OR attribute.attidentity <> '''') AS atthasdef'
        ELSE 'attribute.' || a.attname
    END, ', ' ORDER BY a.attnum) INTO columns
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = 'pg_catalog.pg_attribute'::regclass AND 0 < a.attnum;
    EXECUTE format($view$
        CREATE VIEW pg_catalog.blueshift_pg_attribute AS
        SELECT
            %s, coalesce(declared.attisdistkey, false) AS attisdistkey,
            coalesce(declared.attsortkeyord, 0) AS attsortkeyord,
            coalesce(array_position(
                ARRAY['none', 'raw', 'bytedict', 'delta', 'delta32k', 'lzo', 'mostly8', 'mostly16',
                      'mostly32', 'runlength', 'text255', 'text32k', 'zstd', 'az64'],
                declared.encoding
            ) - 1, 0)::int2 AS attencodingtype
        FROM pg_catalog.blueshift_listed_pg_attribute AS attribute
        LEFT JOIN pg_catalog.blueshift_attributes AS declared
            ON declared.attrelid = attribute.attrelid AND declared.attnum = attribute.attnum
    $view$, columns);
END
$body$;

CREATE VIEW pg_catalog.blueshift_pg_attrdef AS
SELECT defaults.*, pg_catalog.pg_get_expr(defaults.adbin, defaults.adrelid) AS adsrc
FROM pg_catalog.pg_attrdef AS defaults
UNION ALL
SELECT
    made.attrelid, made.attrelid, made.attnum, NULL::pg_catalog.pg_node_tree, made.expression
FROM pg_catalog.blueshift_identities AS made;

-- A key that is declared and not enforced is a row of pg_constraint without an index. Drivers look
-- for primary keys in pg_index; here each such key is an index whose oid is the constraint's.
CREATE VIEW pg_catalog.blueshift_keyed_pg_index AS
SELECT present.* FROM pg_catalog.blueshift_listed_pg_index AS present
UNION ALL
SELECT (jsonb_populate_record(NULL::pg_catalog.pg_index, jsonb_build_object(
    'indexrelid', declared.oid::int8, 'indrelid', declared.conrelid::int8,
    'indnatts', cardinality(declared.conkey), 'indnkeyatts', cardinality(declared.conkey),
    'indisunique', true, 'indisprimary', declared.contype = 'p', 'indisexclusion', false,
    'indimmediate', true, 'indisclustered', false, 'indisvalid', true, 'indcheckxmin', false,
    'indisready', true, 'indislive', true, 'indisreplident', false,
    'indkey', array_to_string(declared.conkey, ' ')
))).*
FROM pg_catalog.pg_constraint AS declared
WHERE declared.contype IN ('p', 'u') AND declared.conindid = 0;

CREATE VIEW pg_catalog.blueshift_keyed_pg_class AS
SELECT present.* FROM pg_catalog.blueshift_listed_pg_class AS present
UNION ALL
SELECT (jsonb_populate_record(relation, jsonb_build_object(
    'oid', declared.oid::int8, 'relname', declared.conname, 'relkind', 'i',
    'relnatts', cardinality(declared.conkey)
))).*
FROM pg_catalog.pg_constraint AS declared
JOIN pg_catalog.pg_class AS relation ON relation.oid = declared.conrelid
WHERE declared.contype IN ('p', 'u') AND declared.conindid = 0;

CREATE VIEW pg_catalog.blueshift_keyed_pg_attribute AS
SELECT present.* FROM pg_catalog.blueshift_listed_pg_attribute AS present
UNION ALL
SELECT (jsonb_populate_record(part, jsonb_build_object(
    'attrelid', declared.oid::int8, 'attnum', key.number
))).*
FROM pg_catalog.pg_constraint AS declared
CROSS JOIN LATERAL unnest(declared.conkey) WITH ORDINALITY AS key (attnum, number)
JOIN pg_catalog.pg_attribute AS part
    ON part.attrelid = declared.conrelid AND part.attnum = key.attnum
WHERE declared.contype IN ('p', 'u') AND declared.conindid = 0;

CREATE VIEW pg_catalog.pg_proc_info AS
SELECT procedures.oid AS prooid, procedures.*
FROM pg_catalog.pg_proc AS procedures;

CREATE VIEW pg_catalog.pg_external_schema AS
SELECT
    0::oid AS esoid, 0::int4 AS eskind, ''::text AS esdbname, ''::text AS esoptions,
    NULL::pg_catalog.aclitem[] AS esacl
WHERE false;

CREATE VIEW pg_catalog.svv_external_schemas AS
SELECT
    0::oid AS esoid, 0::int4 AS eskind, ''::name AS schemaname, 0::oid AS esowner,
    ''::text AS databasename, ''::text AS esoptions
WHERE false;

CREATE VIEW pg_catalog.svv_external_databases AS
SELECT 0::int4 AS eskind, ''::text AS esoptions, ''::text AS databasename
WHERE false;

CREATE VIEW pg_catalog.svv_external_tables AS
SELECT
    ''::text AS redshift_database_name, ''::text AS schemaname, ''::text AS tablename,
    ''::text AS tabletype, ''::text AS location, ''::text AS input_format,
    ''::text AS output_format, ''::text AS serialization_lib, ''::text AS serde_parameters,
    0::int4 AS compressed, ''::text AS parameters
WHERE false;

CREATE VIEW pg_catalog.svv_external_columns AS
SELECT
    ''::text AS redshift_database_name, ''::text AS schemaname, ''::text AS tablename,
    ''::text AS columnname, ''::text AS external_type, 0::int4 AS columnnum, 0::int4 AS part_key,
    ''::text AS is_nullable
WHERE false;

CREATE VIEW pg_catalog.svv_external_partitions AS
SELECT
    ''::text AS schemaname, ''::text AS tablename, ''::text AS "values", ''::text AS location,
    ''::text AS input_format, ''::text AS output_format, ''::text AS serialization_lib,
    ''::text AS serde_parameters, 0::int4 AS compressed, ''::text AS parameters
WHERE false;

CREATE VIEW pg_catalog.svv_tables AS
SELECT
    shown.table_catalog::varchar(128) AS table_catalog,
    shown.table_schema::varchar(128) AS table_schema,
    shown.table_name::varchar(128) AS table_name,
    CASE shown.table_type WHEN 'LOCAL TEMPORARY' THEN 'BASE TABLE' ELSE shown.table_type END
        ::varchar(32) AS table_type,
    pg_catalog.obj_description(relation.oid, 'pg_class')::varchar(256) AS remarks
FROM information_schema.tables AS shown
JOIN pg_catalog.pg_namespace AS space ON space.nspname = shown.table_schema
JOIN pg_catalog.pg_class AS relation
    ON relation.relnamespace = space.oid AND relation.relname = shown.table_name;

CREATE VIEW pg_catalog.svv_columns AS
SELECT
    shown.table_catalog::varchar(128) AS table_catalog,
    shown.table_schema::varchar(128) AS table_schema,
    shown.table_name::varchar(128) AS table_name,
    shown.column_name::varchar(128) AS column_name,
    shown.ordinal_position::int4 AS ordinal_position,
    CASE
        WHEN shown.is_identity = 'NO' THEN shown.column_default
        WHEN shown.identity_generation = 'ALWAYS'
            THEN format('"identity"(%s, 0, ''%s,%s''::text)', relation.oid,
                        shown.identity_start, shown.identity_increment)
        ELSE format('default_identity(%s, 0, ''%s,%s''::text)', relation.oid,
                    shown.identity_start, shown.identity_increment)
    END::varchar(4000) AS column_default,
    shown.is_nullable::varchar(3) AS is_nullable,
    CASE shown.data_type
        WHEN 'varbyte' THEN 'binary varying'
        ELSE coalesce(shown.domain_name, shown.data_type)
    END::varchar(128) AS data_type,
    CASE shown.data_type
        WHEN 'varbyte' THEN (
            SELECT nullif(attribute.atttypmod, -1) FROM pg_catalog.pg_attribute AS attribute
            WHERE attribute.attrelid = relation.oid AND attribute.attnum = shown.ordinal_position
        )
        ELSE shown.character_maximum_length
    END::int4 AS character_maximum_length,
    shown.numeric_precision::int4 AS numeric_precision,
    shown.numeric_precision_radix::int4 AS numeric_precision_radix,
    shown.numeric_scale::int4 AS numeric_scale,
    shown.datetime_precision::int4 AS datetime_precision,
    NULL::varchar AS interval_type,
    NULL::varchar AS interval_precision,
    NULL::varchar(128) AS character_set_catalog,
    NULL::varchar(128) AS character_set_schema,
    NULL::varchar(128) AS character_set_name,
    NULL::varchar(128) AS collation_catalog,
    NULL::varchar(128) AS collation_schema,
    NULL::varchar(128) AS collation_name,
    NULL::varchar(128) AS domain_name,
    pg_catalog.col_description(relation.oid, shown.ordinal_position)::varchar(256) AS remarks
FROM information_schema.columns AS shown
JOIN pg_catalog.pg_namespace AS space ON space.nspname = shown.table_schema
JOIN pg_catalog.pg_class AS relation
    ON relation.relnamespace = space.oid AND relation.relname = shown.table_name;

CREATE VIEW pg_catalog.stv_db_isolation_level AS
SELECT
    database.datname::text::char(128) AS db_name,
    CASE coalesce(split_part(setting, '=', 2), pg_catalog.blueshift_setting('isolation', ''))
        WHEN 'serializable' THEN 'Serializable'
        ELSE 'Snapshot Isolation'
    END::char(20) AS isolation_level
FROM pg_catalog.pg_database AS database
LEFT JOIN (
    SELECT setdatabase, unnest(setconfig) AS setting
    FROM pg_catalog.pg_db_role_setting WHERE setrole = 0
) AS own ON own.setdatabase = database.oid AND setting LIKE 'default_transaction_isolation=%'
WHERE NOT database.datistemplate
    AND (database.datname <> 'postgres' OR database.datname = current_database());

CREATE VIEW pg_catalog.pg_database_info AS
SELECT
    database.oid AS datid, database.datname, database.datdba::int4 AS datdba,
    database.encoding, database.datistemplate, database.datallowconn,
    CASE database.datconnlimit WHEN -1 THEN 'UNLIMITED' ELSE database.datconnlimit::text END
        AS datconnlimit,
    'concurrency_model=' || CASE level.isolation_level WHEN 'Serializable' THEN 2 ELSE 1 END
        AS datconfig
FROM pg_catalog.pg_database AS database
LEFT JOIN pg_catalog.stv_db_isolation_level AS level ON level.db_name = database.datname::text;

CREATE VIEW pg_catalog.svv_redshift_databases AS
SELECT
    database.datname::varchar(128) AS database_name, database.datdba::int4 AS database_owner,
    'local'::varchar(32) AS database_type,
    pg_catalog.array_to_string(database.datacl, '~')::varchar(128) AS database_acl,
    NULL::varchar(128) AS database_options,
    level.isolation_level::varchar(128) AS database_isolation_level
FROM pg_catalog.pg_database AS database
JOIN pg_catalog.stv_db_isolation_level AS level ON level.db_name = database.datname::text
WHERE NOT database.datistemplate;

CREATE VIEW pg_catalog.svv_redshift_schemas AS
SELECT
    current_database()::varchar(128) AS database_name, space.nspname::varchar(128) AS schema_name,
    space.nspowner::int4 AS schema_owner, 'local'::varchar(128) AS schema_type,
    pg_catalog.array_to_string(space.nspacl, '~')::varchar(128) AS schema_acl,
    NULL::varchar(128) AS schema_option
FROM pg_catalog.pg_namespace AS space
WHERE space.nspname !~ '^pg_(toast|temp)' AND has_schema_privilege(space.oid, 'USAGE');

CREATE VIEW pg_catalog.svv_all_schemas AS
SELECT
    database_name, schema_name, schema_owner, schema_type, schema_acl,
    NULL::varchar(128) AS source_database, schema_option
FROM pg_catalog.svv_redshift_schemas;

CREATE VIEW pg_catalog.svv_redshift_tables AS
SELECT
    shown.table_catalog AS database_name, shown.table_schema AS schema_name, shown.table_name,
    CASE shown.table_type WHEN 'BASE TABLE' THEN 'TABLE' ELSE shown.table_type END::varchar(128)
        AS table_type,
    pg_catalog.array_to_string(relation.relacl, '~')::varchar(128) AS table_acl,
    shown.remarks,
    pg_catalog.pg_get_userbyid(relation.relowner)::varchar(128) AS table_owner
FROM pg_catalog.svv_tables AS shown
JOIN pg_catalog.pg_namespace AS space ON space.nspname = shown.table_schema
JOIN pg_catalog.pg_class AS relation
    ON relation.relnamespace = space.oid AND relation.relname = shown.table_name;

CREATE VIEW pg_catalog.svv_all_tables AS
SELECT database_name, schema_name, table_name, table_type, table_acl, remarks
FROM pg_catalog.svv_redshift_tables;

CREATE VIEW pg_catalog.svv_all_columns AS
SELECT
    table_catalog AS database_name, table_schema AS schema_name, table_name, column_name,
    ordinal_position, column_default, is_nullable, data_type, character_maximum_length,
    numeric_precision, numeric_scale, remarks
FROM pg_catalog.svv_columns;

CREATE VIEW pg_catalog.svv_redshift_columns AS
SELECT
    shown.database_name, shown.schema_name, shown.table_name, shown.column_name,
    shown.ordinal_position, shown.data_type, shown.column_default, shown.is_nullable,
    pg_catalog.format_encoding(attribute.attencodingtype)::varchar(128) AS encoding,
    attribute.attisdistkey AS distkey,
    attribute.attsortkeyord AS sortkey,
    pg_catalog.array_to_string(attribute.attacl, '~')::varchar(128) AS column_acl,
    shown.remarks
FROM pg_catalog.svv_all_columns AS shown
JOIN pg_catalog.pg_namespace AS space ON space.nspname = shown.schema_name
JOIN pg_catalog.pg_class AS relation
    ON relation.relnamespace = space.oid AND relation.relname = shown.table_name
JOIN pg_catalog.blueshift_pg_attribute AS attribute
    ON attribute.attrelid = relation.oid AND attribute.attname = shown.column_name;

-- Whether a view is stale is not known here: "u".
CREATE VIEW pg_catalog.svv_mv_info AS
SELECT
    current_database()::text::char(128) AS database_name,
    space.nspname::text::char(128) AS schema_name,
    pg_catalog.pg_get_userbyid(relation.relowner)::text::char(128) AS user_name,
    relation.relname::text::char(128) AS name, 'u'::char(1) AS is_stale, 0::int4 AS state,
    'f'::char(1) AS autorewrite,
    CASE WHEN shown.auto_refresh THEN 't' ELSE 'f' END::char(1) AS autorefresh
FROM pg_catalog.pg_class AS relation
JOIN pg_catalog.pg_namespace AS space ON space.oid = relation.relnamespace
LEFT JOIN pg_catalog.blueshift_views AS shown ON shown.relid = relation.oid
WHERE relation.relkind = 'm';

CREATE VIEW pg_catalog.stv_mv_info AS
SELECT
    database_name AS db_name, schema_name AS "schema", name, 0::int8 AS updated_upto_xid, is_stale,
    user_name AS owner_user_name, state, autorefresh, autorewrite
FROM pg_catalog.svv_mv_info;

CREATE VIEW pg_catalog.svv_relation_privileges AS
SELECT
    space.nspname::text AS namespace_name, relation.relname::text AS relation_name,
    granted.privilege_type::text AS privilege_type, granted.grantee::int4 AS identity_id,
    CASE granted.grantee WHEN 0 THEN 'public' ELSE grantee.rolname END::text AS identity_name,
    CASE
        WHEN granted.grantee = 0 THEN 'public'
        WHEN grantee.rolcanlogin THEN 'user'
        ELSE 'group'
    END::text AS identity_type,
    granted.is_grantable AS admin_option
FROM pg_catalog.pg_class AS relation
JOIN pg_catalog.pg_namespace AS space ON space.oid = relation.relnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(relation.relacl) AS granted
LEFT JOIN pg_catalog.pg_roles AS grantee ON grantee.oid = granted.grantee
WHERE relation.relkind IN ('r', 'v', 'm', 'f');

GRANT SELECT ON
    pg_catalog.blueshift_pg_class, pg_catalog.blueshift_pg_attribute,
    pg_catalog.blueshift_pg_attrdef, pg_catalog.blueshift_identities,
    pg_catalog.blueshift_keyed_pg_index,
    pg_catalog.blueshift_keyed_pg_class, pg_catalog.blueshift_keyed_pg_attribute,
    pg_catalog.pg_proc_info, pg_catalog.pg_external_schema,
    pg_catalog.svv_external_schemas, pg_catalog.svv_external_databases,
    pg_catalog.svv_external_tables, pg_catalog.svv_external_columns,
    pg_catalog.svv_external_partitions, pg_catalog.svv_tables, pg_catalog.svv_columns,
    pg_catalog.stv_db_isolation_level, pg_catalog.pg_database_info,
    pg_catalog.svv_redshift_databases, pg_catalog.svv_redshift_schemas,
    pg_catalog.svv_all_schemas, pg_catalog.svv_redshift_tables, pg_catalog.svv_all_tables,
    pg_catalog.svv_all_columns, pg_catalog.svv_redshift_columns, pg_catalog.svv_mv_info,
    pg_catalog.stv_mv_info, pg_catalog.svv_relation_privileges
TO PUBLIC;
