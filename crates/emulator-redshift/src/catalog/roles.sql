-- Groups are no roles ("CREATE ROLE"), which `rewrite` marks by a limit that one without a login
-- has no use for.
CREATE OR REPLACE VIEW pg_catalog.pg_group AS
SELECT
    r.rolname AS groname, r.oid AS grosysid,
    ARRAY(SELECT m.member FROM pg_catalog.pg_auth_members AS m WHERE m.roleid = r.oid) AS grolist
FROM pg_catalog.pg_authid AS r
WHERE NOT r.rolcanlogin AND r.rolconnlimit <> 0 AND r.rolname !~ '^(pg|blueshift)_';

CREATE FUNCTION pg_catalog.blueshift_roles()
RETURNS TABLE (id oid, name text) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
SELECT r.oid, r.rolname::text FROM pg_catalog.pg_authid AS r
WHERE NOT r.rolcanlogin AND r.rolconnlimit = 0 AND r.rolname !~ '^(pg|blueshift)_'
$body$;

-- Who makes a role may grant it; that alone is no grant of Redshift's.
CREATE VIEW pg_catalog.svv_roles AS
SELECT
    r.id::int8::int4 AS role_id, r.name AS role_name, coalesce((
        SELECT owner.rolname::text FROM pg_catalog.pg_auth_members AS m
        JOIN pg_catalog.pg_roles AS owner ON owner.oid = m.member
        WHERE m.roleid = r.id AND m.admin_option AND m.grantor = 10 LIMIT 1
    ), 'awsuser') AS role_owner, NULL::text AS external_id
FROM pg_catalog.blueshift_roles() AS r;

CREATE VIEW pg_catalog.svv_user_grants AS
SELECT
    u.usesysid::int8::int4 AS user_id, u.usename::text AS user_name, r.id::int8::int4 AS role_id,
    r.name AS role_name, m.admin_option
FROM pg_catalog.pg_auth_members AS m
JOIN pg_catalog.blueshift_roles() AS r ON r.id = m.roleid
JOIN pg_catalog.pg_user AS u ON u.usesysid = m.member
WHERE m.grantor <> 10 AND (
    u.usename = current_user OR (SELECT pg_catalog.blueshift_is_superuser(current_user))
);

CREATE VIEW pg_catalog.svv_role_grants AS
SELECT
    r.id::int8::int4 AS role_id, r.name AS role_name,
    granted.id::int8::int4 AS granted_role_id, granted.name AS granted_role_name
FROM pg_catalog.pg_auth_members AS m
JOIN pg_catalog.blueshift_roles() AS granted ON granted.id = m.roleid
JOIN pg_catalog.blueshift_roles() AS r ON r.id = m.member
WHERE pg_catalog.pg_has_role(r.id, 'MEMBER')
    OR (SELECT pg_catalog.blueshift_is_superuser(current_user));

-- "Visible only to superusers."
CREATE VIEW pg_catalog.svl_user_info AS
SELECT
    u.usename::text AS usename, u.usesysid::int8::int4 AS usesysid, u.usecreatedb, u.usesuper,
    false AS usecatupd,
    CASE r.rolconnlimit WHEN -1 THEN 'UNLIMITED' ELSE r.rolconnlimit::text END AS useconnlimit,
    'RESTRICTED'::text AS syslogaccess, NULL::timestamp AS last_ddl_ts, 0 AS sessiontimeout,
    NULL::text AS external_id
FROM pg_catalog.pg_user AS u
JOIN pg_catalog.pg_roles AS r ON r.oid = u.usesysid;

ALTER VIEW pg_catalog.svl_user_info OWNER TO pg_monitor;

CREATE VIEW pg_catalog.stv_slices AS
SELECT 0 AS node, 0 AS slice, 0 AS localslice, 'D'::char(1) AS type;

CREATE VIEW pg_catalog.stl_unload_log AS
SELECT
    0 AS userid, 0 AS query, 0 AS slice, 0 AS pid, ''::char(1280) AS path,
    NULL::timestamp AS start_time, NULL::timestamp AS end_time, 0::int8 AS line_count,
    0::int8 AS transfer_size, ''::char(10) AS file_format
WHERE false;

GRANT SELECT ON
    pg_catalog.svv_roles, pg_catalog.svv_user_grants, pg_catalog.svv_role_grants,
    pg_catalog.stv_slices, pg_catalog.stl_unload_log
TO PUBLIC;
