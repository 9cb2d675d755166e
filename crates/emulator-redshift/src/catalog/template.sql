SET allow_system_table_mods = on;

SET standard_conforming_strings = on;

GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC;

CREATE FUNCTION pg_catalog.blueshift_cut(value text, bytes_max int4, explicit bool, type_name text)
RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    bytes bytea := convert_to(value, 'UTF8');
    cut int4 := bytes_max;
BEGIN
    IF octet_length(bytes) <= bytes_max THEN
        RETURN value;
    END IF;
    WHILE 0 < cut AND (get_byte(bytes, cut) & 192) = 128 LOOP
        cut := cut - 1;
    END LOOP;
    IF NOT explicit AND btrim(convert_from(substring(bytes FROM cut + 1), 'UTF8'), ' ') <> '' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'string_data_right_truncation',
            MESSAGE = format('value too long for type %s(%s)', type_name, bytes_max);
    END IF;
    RETURN convert_from(substring(bytes FROM 1 FOR cut), 'UTF8');
END
$body$;

-- No function of SQL: with its body in the place of the cast, a table that is made of a query would
-- not know the length.
CREATE FUNCTION pg_catalog.blueshift_varchar(varchar, int4, bool)
RETURNS varchar LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
BEGIN
    IF $2 < 4 OR octet_length($1) <= $2 - 4 THEN
        RETURN $1;
    END IF;
    RETURN pg_catalog.blueshift_cut($1::text, $2 - 4, $3, 'character varying');
END
$body$;

-- "Character types": CHAR holds characters of one byte only.
CREATE FUNCTION pg_catalog.blueshift_single_bytes(value text)
RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    found text;
BEGIN
    SELECT one INTO found FROM unnest(string_to_array(value, NULL)) AS one
    WHERE 1 < octet_length(one) LIMIT 1;
    RAISE EXCEPTION USING
        ERRCODE = 'character_not_in_repertoire',
        MESSAGE = format('Multibyte character not supported for CHAR (Hint: try using VARCHAR). Invalid char: %s', found);
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_bpchar(bpchar, int4, bool)
RETURNS bpchar LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    kept text;
BEGIN
    IF $2 < 4 OR octet_length($1) = $2 - 4 THEN
        RETURN $1;
    ELSIF octet_length($1::text) = char_length($1::text) THEN
        RETURN pg_catalog.bpchar($1, $2, $3);
    ELSIF NOT $3 THEN
        RETURN pg_catalog.blueshift_single_bytes($1::text);
    END IF;
    kept := pg_catalog.blueshift_cut($1::text, $2 - 4, $3, 'character');
    RETURN kept || repeat(' ', $2 - 4 - octet_length(kept));
END
$body$;

UPDATE pg_catalog.pg_cast
SET castfunc = 'pg_catalog.blueshift_varchar(varchar, int4, bool)'::pg_catalog.regprocedure
WHERE castsource = 'varchar'::pg_catalog.regtype AND casttarget = 'varchar'::pg_catalog.regtype;

UPDATE pg_catalog.pg_cast
SET castfunc = 'pg_catalog.blueshift_bpchar(bpchar, int4, bool)'::pg_catalog.regprocedure
WHERE castsource = 'bpchar'::pg_catalog.regtype AND casttarget = 'bpchar'::pg_catalog.regtype;

ALTER FUNCTION pg_catalog.version() RENAME TO blueshift_postgres_version;

CREATE FUNCTION pg_catalog.version()
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.77467'::text
$body$;

CREATE FUNCTION pg_catalog.getdate()
RETURNS timestamp LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT date_trunc('second', statement_timestamp()::timestamp)
$body$;

CREATE FUNCTION pg_catalog.blueshift_setting(name text, otherwise text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT coalesce(nullif(current_setting('blueshift.' || $1, true), ''), $2)
$body$;

CREATE FUNCTION pg_catalog.pg_last_copy_count()
RETURNS int8 LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_setting('last_copy_count', '0')::int8
$body$;

CREATE FUNCTION pg_catalog.pg_last_copy_id()
RETURNS int4 LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_setting('last_copy_id', '-1')::int4
$body$;

CREATE FUNCTION pg_catalog.pg_last_query_id()
RETURNS int4 LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_setting('last_query_id', '-1')::int4
$body$;

CREATE FUNCTION pg_catalog.current_user_id()
RETURNS int4 LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT oid::int8::int4 FROM pg_catalog.pg_roles WHERE rolname = current_user
$body$;

-- "Superusers": the master user and whoever is made with CREATEUSER. To Postgres they are members of
-- a role that belongs to all others; no client is its superuser.
CREATE OR REPLACE VIEW pg_catalog.pg_roles AS
SELECT
    r.rolname,
    r.rolsuper OR EXISTS (
        SELECT FROM pg_catalog.pg_authid AS s
        WHERE s.rolname = 'blueshift_superusers' AND pg_catalog.pg_has_role(r.oid, s.oid, 'USAGE')
    ) AS rolsuper,
    r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolconnlimit,
    '********'::text AS rolpassword, r.rolvaliduntil, r.rolbypassrls, c.setconfig AS rolconfig,
    r.oid
FROM pg_catalog.pg_authid AS r
LEFT JOIN pg_catalog.pg_db_role_setting AS c ON c.setrole = r.oid AND c.setdatabase = 0
WHERE r.rolname <> 'blueshift_superusers';

CREATE FUNCTION pg_catalog.blueshift_is_superuser(role_name name)
RETURNS bool LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = $1
$body$;

-- "Visibility of data in system tables and views": regular users see their own rows.
CREATE VIEW pg_catalog.stl_load_errors AS
SELECT
    userid, slice, tbl, starttime, session, query,
    rpad(left(filename, 256), 256)::char(256) AS filename,
    line_number,
    rpad(left(colname, 127), 127)::char(127) AS colname,
    rpad(left(type, 10), 10)::char(10) AS type,
    rpad(left(col_length, 10), 10)::char(10) AS col_length,
    "position",
    rpad(left(raw_line, 1024), 1024)::char(1024) AS raw_line,
    rpad(left(raw_field_value, 1024), 1024)::char(1024) AS raw_field_value,
    err_code,
    rpad(left(err_reason, 100), 100)::char(100) AS err_reason,
    is_partial, start_offset, copy_job_id
FROM json_to_recordset(pg_catalog.blueshift_setting('stl_load_errors', '[]')::json) AS recorded (
    userid int4, slice int4, tbl int4, starttime timestamp, session int4, query int4,
    filename text, line_number int8, colname text, type text, col_length text, "position" int4,
    raw_line text, raw_field_value text, err_code int4, err_reason text, is_partial int4,
    start_offset int8, copy_job_id int8
)
WHERE userid = (SELECT pg_catalog.current_user_id())
    OR (SELECT pg_catalog.blueshift_is_superuser(current_user));

GRANT SELECT ON pg_catalog.stl_load_errors TO PUBLIC;
