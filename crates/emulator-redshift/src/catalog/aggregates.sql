-- "AVG function": BIGINT of whole numbers, and of a DECIMAL one of the same scale; what is beyond is
-- cut off, as from every quotient of such numbers. Postgres' own go out of the way.
DO $body$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['int2', 'int4', 'int8', 'numeric'] LOOP
        EXECUTE format('ALTER AGGREGATE pg_catalog.avg(%s) RENAME TO blueshift_avg', kind);
    END LOOP;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_int_avg(int8[])
RETURNS int8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT $1[2] / nullif($1[1], 0)
$body$;

CREATE AGGREGATE pg_catalog.avg(int2) (
    SFUNC = int2_avg_accum, STYPE = int8[], INITCOND = '{0,0}',
    FINALFUNC = pg_catalog.blueshift_int_avg, COMBINEFUNC = int4_avg_combine,
    MSFUNC = int2_avg_accum, MINVFUNC = int2_avg_accum_inv, MSTYPE = int8[],
    MFINALFUNC = pg_catalog.blueshift_int_avg, MINITCOND = '{0,0}', PARALLEL = SAFE
);

CREATE AGGREGATE pg_catalog.avg(int4) (
    SFUNC = int4_avg_accum, STYPE = int8[], INITCOND = '{0,0}',
    FINALFUNC = pg_catalog.blueshift_int_avg, COMBINEFUNC = int4_avg_combine,
    MSFUNC = int4_avg_accum, MINVFUNC = int4_avg_accum_inv, MSTYPE = int8[],
    MFINALFUNC = pg_catalog.blueshift_int_avg, MINITCOND = '{0,0}', PARALLEL = SAFE
);

CREATE FUNCTION pg_catalog.blueshift_avg_sum(state numeric[], value numeric)
RETURNS numeric[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
BEGIN
    RETURN ARRAY[state[1] + 1, state[2] + value];
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_avg_sum(state numeric[], value int8)
RETURNS numeric[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
BEGIN
    RETURN ARRAY[state[1] + 1, state[2] + value];
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_numeric_avg(numeric[])
RETURNS numeric LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT trunc(
    div($1[2] * 10::numeric ^ scale($1[2]), nullif($1[1], 0)) / 10::numeric ^ scale($1[2]),
    scale($1[2])
)
$body$;

CREATE FUNCTION pg_catalog.blueshift_int8_avg(numeric[])
RETURNS int8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT div($1[2], nullif($1[1], 0))::int8
$body$;

CREATE AGGREGATE pg_catalog.avg(int8) (
    SFUNC = pg_catalog.blueshift_avg_sum, STYPE = numeric[], INITCOND = '{0,0}',
    FINALFUNC = pg_catalog.blueshift_int8_avg, PARALLEL = SAFE
);

CREATE AGGREGATE pg_catalog.avg(numeric) (
    SFUNC = pg_catalog.blueshift_avg_sum, STYPE = numeric[], INITCOND = '{0,0}',
    FINALFUNC = pg_catalog.blueshift_numeric_avg, PARALLEL = SAFE
);

-- "ANY_VALUE function": Postgres has one since 16.
DO $body$
BEGIN
    IF current_setting('server_version_num')::int4 < 160000 THEN
        CREATE FUNCTION pg_catalog.blueshift_any_value(anyelement, anyelement)
        RETURNS anyelement LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT $1';
        CREATE AGGREGATE pg_catalog.any_value(anyelement) (
            SFUNC = pg_catalog.blueshift_any_value, STYPE = anyelement, PARALLEL = SAFE
        );
    END IF;
END
$body$;

-- "SOUNDEX function": the American one, of the ASCII letters.
CREATE FUNCTION pg_catalog.soundex(text)
RETURNS varchar LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    letters text := upper(pg_catalog.regexp_replace($1, '[^a-zA-Z]', '', 'g'::text));
    result text := left(letters, 1);
    code text;
    before text;
BEGIN
    FOR n IN 1 .. length(letters) LOOP
        code := translate(
            substr(letters, n, 1), 'AEIOUYBFPVCGJKQSXZDTLMNR', '000000111122222222334556'
        );
        CONTINUE WHEN 1 < n AND code IN ('H', 'W');
        IF 1 < n AND code <> '0' AND code <> before THEN
            result := result || code;
            EXIT WHEN length(result) = 4;
        END IF;
        before := code;
    END LOOP;
    RETURN CASE WHEN result = '' THEN '' ELSE rpad(result, 4, '0') END;
END
$body$;

-- "DIFFERENCE function".
CREATE FUNCTION pg_catalog.difference(text, text)
RETURNS int4 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT CASE
    WHEN $1 = '' OR $2 = '' THEN 0
    WHEN pg_catalog.soundex($1) = '' AND pg_catalog.soundex($2) = '' THEN 1
    ELSE (
        SELECT count(*)::int4 FROM generate_series(1, 4) AS n
        WHERE substr(pg_catalog.soundex($1), n, 1) = substr(pg_catalog.soundex($2), n, 1)
    )
END
$body$;

-- "OCTETINDEX function".
CREATE FUNCTION pg_catalog.octetindex(text, text)
RETURNS int4 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT CASE WHEN strpos($2, $1) = 0 THEN 0
    ELSE octet_length(left($2, strpos($2, $1) - 1)) + 1
END
$body$;

CREATE FUNCTION pg_catalog.dceil(float8)
RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT ceil($1)
$body$;

CREATE FUNCTION pg_catalog.dfloor(float8)
RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT floor($1)
$body$;
