CREATE DOMAIN pg_catalog.super AS text;

-- "Collation sequences": letters that differ in case alone are equal. A Postgres built without ICU
-- has none; a column that asks for it is then refused.
DO $body$
BEGIN
    CREATE COLLATION pg_catalog.case_insensitive (
        provider = icu, locale = 'und-u-ks-level2', deterministic = false
    );
EXCEPTION WHEN feature_not_supported OR syntax_error THEN
    NULL;
END
$body$;

GRANT USAGE ON TYPE pg_catalog.super TO PUBLIC;
