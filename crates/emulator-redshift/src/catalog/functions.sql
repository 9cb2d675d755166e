CREATE FUNCTION pg_catalog.blueshift_span(part text, amount int8)
RETURNS interval LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    span interval := CASE lower($1)
        WHEN 'millennium' THEN interval '1000 years'
        WHEN 'century' THEN interval '100 years'
        WHEN 'decade' THEN interval '10 years'
        WHEN 'year' THEN interval '1 year'
        WHEN 'quarter' THEN interval '3 months'
        WHEN 'month' THEN interval '1 month'
        WHEN 'week' THEN interval '7 days'
        WHEN 'day' THEN interval '1 day'
        WHEN 'hour' THEN interval '1 hour'
        WHEN 'minute' THEN interval '1 minute'
        WHEN 'second' THEN interval '1 second'
        WHEN 'millisecond' THEN interval '0.001 seconds'
        WHEN 'microsecond' THEN interval '0.000001 seconds'
    END;
BEGIN
    IF span IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('"%s" is not a date part that can be added', $1);
    END IF;
    RETURN $2 * span;
END
$body$;

CREATE FUNCTION pg_catalog.date_diff(text, timestamp, timestamp)
RETURNS int8 LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    years int8 := extract(year FROM $3) - extract(year FROM $2);
    difference numeric := CASE lower($1)
        WHEN 'millennium' THEN extract(millennium FROM $3) - extract(millennium FROM $2)
        WHEN 'century' THEN extract(century FROM $3) - extract(century FROM $2)
        WHEN 'decade' THEN extract(decade FROM $3) - extract(decade FROM $2)
        WHEN 'year' THEN years
        WHEN 'quarter' THEN 4 * years + extract(quarter FROM $3) - extract(quarter FROM $2)
        WHEN 'month' THEN 12 * years + extract(month FROM $3) - extract(month FROM $2)
        WHEN 'week' THEN (date_trunc('week', $3)::date - date_trunc('week', $2)::date) / 7
        WHEN 'day' THEN $3::date - $2::date
        WHEN 'hour' THEN floor(extract(epoch FROM $3) / 3600) - floor(extract(epoch FROM $2) / 3600)
        WHEN 'minute' THEN floor(extract(epoch FROM $3) / 60) - floor(extract(epoch FROM $2) / 60)
        WHEN 'second' THEN floor(extract(epoch FROM $3)) - floor(extract(epoch FROM $2))
        WHEN 'millisecond'
            THEN floor(extract(epoch FROM $3) * 1000) - floor(extract(epoch FROM $2) * 1000)
        WHEN 'microsecond' THEN (extract(epoch FROM $3) - extract(epoch FROM $2)) * 1000000
    END;
BEGIN
    IF difference IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('"%s" is not a date part that dates differ by', $1);
    END IF;
    RETURN difference;
END
$body$;

CREATE FUNCTION pg_catalog.date_diff(text, date, date)
RETURNS int8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.date_diff($1, $2::timestamp, $3::timestamp)
$body$;

CREATE FUNCTION pg_catalog.date_diff(text, timestamptz, timestamptz)
RETURNS int8 LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.date_diff($1, $2 AT TIME ZONE 'UTC', $3 AT TIME ZONE 'UTC')
$body$;

CREATE FUNCTION pg_catalog.date_diff(text, time, time)
RETURNS int8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.date_diff($1, date '2000-01-01' + $2, date '2000-01-01' + $3)
$body$;

CREATE FUNCTION pg_catalog.date_diff(text, text, text)
RETURNS int8 LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.date_diff($1, $2::timestamp, $3::timestamp)
$body$;

CREATE FUNCTION pg_catalog.date_trunc(text, date)
RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.date_trunc($1, $2::timestamp)
$body$;

CREATE FUNCTION pg_catalog.date_part_year(date)
RETURNS int4 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT extract(year FROM $1)::int4
$body$;

CREATE FUNCTION pg_catalog.trunc(timestamp)
RETURNS date LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT $1::date
$body$;

CREATE FUNCTION pg_catalog.last_day(timestamp)
RETURNS date LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT (date_trunc('month', $1) + interval '1 month' - interval '1 day')::date
$body$;

CREATE FUNCTION pg_catalog.add_months(timestamp, int8)
RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT CASE
    WHEN $1::date = pg_catalog.last_day($1)
        THEN pg_catalog.last_day(date_trunc('month', $1) + $2 * interval '1 month') + $1::time
    ELSE $1 + $2 * interval '1 month'
END
$body$;

CREATE FUNCTION pg_catalog.months_between(timestamp, timestamp)
RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT (
    12 * (extract(year FROM $1) - extract(year FROM $2))
    + extract(month FROM $1) - extract(month FROM $2)
    + CASE
        WHEN extract(day FROM $1) = extract(day FROM $2) THEN 0
        WHEN $1::date = pg_catalog.last_day($1) AND $2::date = pg_catalog.last_day($2) THEN 0
        ELSE (
            extract(day FROM $1) - extract(day FROM $2)
            + extract(epoch FROM $1::time - $2::time) / 86400
        ) / 31
    END
)::float8
$body$;

CREATE FUNCTION pg_catalog.next_day(timestamp, text)
RETURNS date LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    wanted int4 := CASE
        WHEN lower($2) IN ('su', 'sun', 'sunday') THEN 0
        WHEN lower($2) IN ('m', 'mo', 'mon', 'monday') THEN 1
        WHEN lower($2) IN ('tu', 'tues', 'tue', 'tuesday') THEN 2
        WHEN lower($2) IN ('w', 'we', 'wed', 'wednesday') THEN 3
        WHEN lower($2) IN ('th', 'thu', 'thurs', 'thursday') THEN 4
        WHEN lower($2) IN ('f', 'fr', 'fri', 'friday') THEN 5
        WHEN lower($2) IN ('sa', 'sat', 'saturday') THEN 6
    END;
BEGIN
    IF wanted IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value', MESSAGE = format('"%s" is no day of the week', $2);
    END IF;
    RETURN $1::date + 1 + (wanted - extract(dow FROM $1)::int4 + 6) % 7;
END
$body$;

CREATE FUNCTION pg_catalog.convert_timezone(text, text, timestamp)
RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT $3 AT TIME ZONE $1 AT TIME ZONE $2
$body$;

CREATE FUNCTION pg_catalog.convert_timezone(text, timestamp)
RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT $2 AT TIME ZONE 'UTC' AT TIME ZONE $1
$body$;

CREATE FUNCTION pg_catalog.len(text)
RETURNS int4 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT char_length($1)
$body$;

CREATE FUNCTION pg_catalog.replicate(text, int4)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT repeat($1, $2)
$body$;

CREATE FUNCTION pg_catalog.strtol(num_string text, base int4)
RETURNS int8 LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    digits text := lower(ltrim($1, ' ' || chr(9) || chr(10) || chr(13)));
    negative bool := left(digits, 1) = '-';
    digit int4;
    result numeric := 0;
BEGIN
    IF base NOT BETWEEN 2 AND 36 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('base %s: it must be between 2 and 36', base);
    END IF;
    IF left(digits, 1) IN ('-', '+') THEN
        digits := substr(digits, 2);
    END IF;
    IF base = 16 AND left(digits, 2) = '0x' THEN
        digits := substr(digits, 3);
    END IF;
    FOR number IN 1 .. length(digits) LOOP
        digit := strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, number, 1)) - 1;
        IF digit NOT BETWEEN 0 AND base - 1 THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_text_representation',
                MESSAGE = format('The input %s is not valid to be converted to base %s', $1, base);
        END IF;
        result := result * base + digit;
    END LOOP;
    RETURN CASE WHEN negative THEN -result ELSE result END;
END
$body$;

CREATE FUNCTION pg_catalog.sha2(text, int4)
RETURNS varchar LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    bytes bytea := convert_to($1, 'UTF8');
BEGIN
    RETURN coalesce(encode(CASE $2
        WHEN 224 THEN sha224(bytes)
        WHEN 0 THEN sha256(bytes)
        WHEN 256 THEN sha256(bytes)
        WHEN 384 THEN sha384(bytes)
        WHEN 512 THEN sha512(bytes)
    END, 'hex'), '');
END
$body$;

CREATE FUNCTION pg_catalog.round(float8, int4)
RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.round($1::numeric, $2)::float8
$body$;

CREATE FUNCTION pg_catalog.trunc(float8, int4)
RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.trunc($1::numeric, $2)::float8
$body$;

CREATE FUNCTION pg_catalog.listagg(anyarray, text)
RETURNS varchar LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT array_to_string($1, $2)::varchar
$body$;

CREATE FUNCTION pg_catalog.median(float8)
RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT $1
$body$;

CREATE FUNCTION pg_catalog.is_valid_json(text)
RETURNS bool LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
BEGIN
    RETURN json_typeof($1::json) IS NOT NULL;
EXCEPTION WHEN invalid_text_representation OR untranslatable_character THEN
    RETURN false;
END
$body$;

CREATE FUNCTION pg_catalog.can_json_parse(text)
RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS $body$
SELECT pg_catalog.is_valid_json($1)
$body$;

CREATE FUNCTION pg_catalog.is_valid_json_array(text)
RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS $body$
SELECT CASE WHEN pg_catalog.is_valid_json($1) THEN json_typeof($1::json) = 'array' ELSE false END
$body$;

CREATE FUNCTION pg_catalog.json_array_length(text, null_if_invalid bool DEFAULT false)
RETURNS int4 LANGUAGE sql IMMUTABLE STRICT AS $body$
SELECT CASE
    WHEN $2 AND NOT pg_catalog.is_valid_json_array($1) THEN NULL
    ELSE pg_catalog.json_array_length($1::json)
END
$body$;

CREATE FUNCTION pg_catalog.json_extract_array_element_text(text, int4, null_if_invalid bool DEFAULT false)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $body$
SELECT CASE
    WHEN $3 AND NOT pg_catalog.is_valid_json_array($1) THEN NULL
    WHEN $2 < 0 OR pg_catalog.json_array_length($1::json) <= $2 THEN ''
    ELSE $1::json ->> $2
END::varchar
$body$;

CREATE FUNCTION pg_catalog.json_extract_path_text(text, VARIADIC text[])
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $body$
SELECT ($1::json #>> $2)::varchar
$body$;

CREATE FUNCTION pg_catalog.blueshift_json_path(text, text[], bool)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $body$
SELECT CASE
    WHEN $3 AND NOT pg_catalog.is_valid_json($1) THEN NULL
    ELSE ($1::json #>> $2)::varchar
END
$body$;

CREATE FUNCTION pg_catalog.json_extract_path_text(text, text, bool)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $body$
SELECT pg_catalog.blueshift_json_path($1, ARRAY[$2], $3)
$body$;

CREATE FUNCTION pg_catalog.json_extract_path_text(text, text, text, bool)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $body$
SELECT pg_catalog.blueshift_json_path($1, ARRAY[$2, $3], $4)
$body$;

CREATE FUNCTION pg_catalog.json_extract_path_text(text, text, text, text, bool)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $body$
SELECT pg_catalog.blueshift_json_path($1, ARRAY[$2, $3, $4], $5)
$body$;

CREATE FUNCTION pg_catalog.json_extract_path_text(text, text, text, text, text, bool)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $body$
SELECT pg_catalog.blueshift_json_path($1, ARRAY[$2, $3, $4, $5], $6)
$body$;

CREATE FUNCTION pg_catalog.json_extract_path_text(text, text, text, text, text, text, bool)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $body$
SELECT pg_catalog.blueshift_json_path($1, ARRAY[$2, $3, $4, $5, $6], $7)
$body$;

-- JSON without the blanks between its tokens.
CREATE FUNCTION pg_catalog.blueshift_compact(text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.regexp_replace(
    $1, translate('("(?:[^"~~]|~~.)*")|[[:space:]]+', '~', chr(92)), chr(92) || '1', 'g'
)
$body$;

CREATE FUNCTION pg_catalog.json_parse(text)
RETURNS super LANGUAGE sql IMMUTABLE STRICT AS $body$
SELECT pg_catalog.blueshift_compact($1::json::text)::pg_catalog.super
$body$;

CREATE FUNCTION pg_catalog.json_serialize(super)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_compact($1::text)::varchar
$body$;

CREATE FUNCTION pg_catalog.split_to_array(text, text DEFAULT ',')
RETURNS super LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT array_to_json(string_to_array($1, $2))::text::pg_catalog.super
$body$;

CREATE FUNCTION pg_catalog.get_array_length(super)
RETURNS int4 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT CASE WHEN json_typeof($1::text::json) = 'array'
    THEN pg_catalog.json_array_length($1::text::json)
END
$body$;

-- Of VARCHARs, because numbers become texts and nothing else.
CREATE FUNCTION pg_catalog.blueshift_joined(varchar, varchar)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT ($1 || $2)::varchar
$body$;

CREATE OPERATOR pg_catalog.+ (
    LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = pg_catalog.blueshift_joined
);

-- "REGEXP_SUBSTR": no match is an empty string, and the parameter e means the first subexpression.
-- "REGEXP_REPLACE": every match is replaced. Postgres' own of these names go out of the way.
DO $body$
DECLARE
    own record;
BEGIN
    FOR own IN
        SELECT f.oid::regprocedure AS call, f.proname FROM pg_catalog.pg_proc AS f
        WHERE f.pronamespace = 'pg_catalog'::regnamespace AND (
            f.proname = 'regexp_substr' OR f.oid IN (
                to_regprocedure('pg_catalog.regexp_replace(text, text, text)'),
                to_regprocedure('pg_catalog.regexp_replace(text, text, text, int4)')
            )
        )
    LOOP
        EXECUTE format('ALTER FUNCTION %s RENAME TO blueshift_%s', own.call, own.proname);
    END LOOP;
END
$body$;

-- Postgres has one since 15; before, parentheses round the whole pattern find what matches all of it,
-- and back references count them.
DO $body$
BEGIN
    EXECUTE format(
        $function$
            CREATE FUNCTION pg_catalog.regexp_substr(
                text, text, starting int4 DEFAULT 1, occurrence int4 DEFAULT 1,
                parameters text DEFAULT ''
            )
            RETURNS varchar LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $sql$ %s $sql$
        $function$,
        CASE WHEN 150000 <= current_setting('server_version_num')::int4 THEN $sql$
            SELECT coalesce(pg_catalog.blueshift_regexp_substr(
                $1, $2, starting, occurrence, translate(parameters, 'ep', ''),
                CASE WHEN parameters LIKE '%e%' THEN 1 ELSE 0 END
            ), '')::varchar
        $sql$ ELSE $sql$
            SELECT coalesce((
                SELECT found.match[CASE WHEN parameters LIKE '%e%' THEN 2 ELSE 1 END]
                FROM regexp_matches(
                    substr($1, starting), '(' || $2 || ')', 'g' || translate(parameters, 'ep', '')
                ) WITH ORDINALITY AS found (match, number)
                WHERE found.number = occurrence
            ), '')::varchar
        $sql$ END
    );
END
$body$;

CREATE FUNCTION pg_catalog.regexp_replace(text, text, text)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.regexp_replace($1, $2, $3, 'g'::text)::varchar
$body$;

CREATE FUNCTION pg_catalog.regexp_replace(text, text, text, starting int4)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT (left($1, starting - 1)
    || pg_catalog.regexp_replace(substr($1, starting), $2, $3, 'g'::text))::varchar
$body$;

CREATE FUNCTION pg_catalog.regexp_replace(text, text, text, starting int4, parameters text)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT (left($1, starting - 1) || pg_catalog.regexp_replace(
    substr($1, starting), $2, $3, 'g' || translate(parameters, 'p', '')
))::varchar
$body$;

CREATE FUNCTION pg_catalog.sha1(text)
RETURNS varchar LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    bytes bytea := convert_to($1, 'UTF8');
    mask int8 := 4294967295;
    state int8[] := ARRAY[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
    words int8[];
    a int8;
    b int8;
    c int8;
    d int8;
    e int8;
    mixed int8;
BEGIN
    bytes := bytes || decode('80', 'hex')
        || decode(repeat('00', (119 - octet_length(bytes) % 64) % 64), 'hex')
        || int8send(8 * octet_length(bytes)::int8);
    FOR block IN 0 .. octet_length(bytes) / 64 - 1 LOOP
        FOR n IN 0 .. 15 LOOP
            words[n] := (get_byte(bytes, 64 * block + 4 * n)::int8 << 24)
                | (get_byte(bytes, 64 * block + 4 * n + 1) << 16)
                | (get_byte(bytes, 64 * block + 4 * n + 2) << 8)
                | get_byte(bytes, 64 * block + 4 * n + 3);
        END LOOP;
        FOR n IN 16 .. 79 LOOP
            mixed := words[n - 3] # words[n - 8] # words[n - 14] # words[n - 16];
            words[n] := ((mixed << 1) | (mixed >> 31)) & mask;
        END LOOP;
        a := state[1];
        b := state[2];
        c := state[3];
        d := state[4];
        e := state[5];
        FOR n IN 0 .. 79 LOOP
            mixed := ((a << 5) | (a >> 27)) + e + words[n] + CASE
                WHEN n < 20 THEN ((b & c) | (~b & mask & d)) + 1518500249
                WHEN n < 40 THEN (b # c # d) + 1859775393
                WHEN n < 60 THEN ((b & c) | (b & d) | (c & d)) + 2400959708
                ELSE (b # c # d) + 3395469782
            END & mask;
            mixed := mixed & mask;
            e := d;
            d := c;
            c := ((b << 30) | (b >> 2)) & mask;
            b := a;
            a := mixed;
        END LOOP;
        state := ARRAY[
            (state[1] + a) & mask, (state[2] + b) & mask, (state[3] + c) & mask,
            (state[4] + d) & mask, (state[5] + e) & mask
        ];
    END LOOP;
    RETURN (
        SELECT string_agg(lpad(to_hex(part), 8, '0'), '' ORDER BY number)
        FROM unnest(state) WITH ORDINALITY AS parts (part, number)
    );
END
$body$;

CREATE FUNCTION pg_catalog.sha(text)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.sha1($1)
$body$;

CREATE FUNCTION pg_catalog.func_sha1(text)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.sha1($1)
$body$;

-- "SPLIT_PART": the position is greater than zero.
ALTER FUNCTION pg_catalog.split_part(text, text, int4) RENAME TO blueshift_split_part;

CREATE FUNCTION pg_catalog.split_part(text, text, int4)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_split_part($1, $2, greatest($3, 0))
$body$;
