CREATE DOMAIN pg_catalog.super AS text;

CREATE DOMAIN pg_catalog.varbyte AS bytea;

GRANT USAGE ON TYPE pg_catalog.super, pg_catalog.varbyte TO PUBLIC;
