-- "DATEADD": a year behind 29 February is 1 March unless it is a leap year; behind the last of a
-- month, months end where the month does.
CREATE FUNCTION pg_catalog.blueshift_later(part text, amount int8, moment timestamp)
RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT $3 + pg_catalog.blueshift_span($1, $2) + CASE
    WHEN lower($1) IN ('year', 'decade', 'century', 'millennium')
        AND to_char($3, 'MMDD') = '0229'
        AND to_char($3 + pg_catalog.blueshift_span($1, $2), 'DD') = '28'
        THEN interval '1 day'
    ELSE interval '0'
END
$body$;

CREATE FUNCTION pg_catalog.date_add(text, int8, timestamp)
RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_later($1, $2, $3)
$body$;

CREATE FUNCTION pg_catalog.date_add(text, int8, date)
RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_later($1, $2, $3::timestamp)
$body$;

CREATE FUNCTION pg_catalog.date_add(text, int8, timestamptz)
RETURNS timestamptz LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_later($1, $2, $3 AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
$body$;

CREATE FUNCTION pg_catalog.date_add(text, int8, time)
RETURNS time LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT $3 + pg_catalog.blueshift_span($1, $2)
$body$;

CREATE FUNCTION pg_catalog.date_add(text, int8, timetz)
RETURNS timetz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT ($3 AT TIME ZONE interval '0') + pg_catalog.blueshift_span($1, $2)
$body$;

CREATE FUNCTION pg_catalog.date_add(text, int8, text)
RETURNS timestamp LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_later($1, $2, $3::timestamp)
$body$;

CREATE FUNCTION pg_catalog.date_diff(text, timetz, timetz)
RETURNS int8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.date_diff(
    $1, ($2 AT TIME ZONE interval '0')::time, ($3 AT TIME ZONE interval '0')::time
)
$body$;

-- "SYSDATE function": the start of the transaction; its column is called timestamp.
CREATE FUNCTION "pg_catalog"."timestamp"()
RETURNS timestamp LANGUAGE sql STABLE PARALLEL SAFE AS $body$
SELECT LOCALTIMESTAMP
$body$;

-- "Date parts for date or timestamp functions". EXTRACT becomes date_part(name, …), and for the
-- epoch, which passes INTEGER in 2038, date_part(bpchar, …): one part as an integer, without what is
-- above and below it; of a TIMESTAMPTZ a DOUBLE PRECISION. DATE_PART becomes pgdate_part(text, …), a
-- DOUBLE PRECISION with all of the seconds. Decades are counted from the year 1.
DO $body$
DECLARE
    kind text;
    source text;
BEGIN
    FOREACH kind IN ARRAY ARRAY[
        'timestamp', 'date', 'timestamptz', 'time', 'timetz', 'interval', 'text'
    ] LOOP
        source := CASE kind
            WHEN 'text' THEN '$2::timestamp'
            WHEN 'timetz' THEN '($2 AT TIME ZONE interval ''0'')'
            ELSE '$2'
        END;
        EXECUTE format(
            $function$
                CREATE FUNCTION pg_catalog.pgdate_part(text, %1$s)
                RETURNS float8 LANGUAGE sql %2$s STRICT PARALLEL SAFE AS $sql$
                SELECT pg_catalog.date_part($1, %3$s)
                    + CASE WHEN lower($1) = 'decade' THEN 1 ELSE 0 END
                $sql$
            $function$,
            kind,
            CASE WHEN kind IN ('timestamptz', 'text') THEN 'STABLE' ELSE 'IMMUTABLE' END,
            source
        );
        EXECUTE format(
            $function$
                CREATE FUNCTION pg_catalog.date_part(name, %1$s)
                RETURNS %2$s LANGUAGE sql %3$s STRICT PARALLEL SAFE AS $sql$
                SELECT (CASE $1
                    WHEN 'millisecond' THEN trunc(extract(millisecond FROM %4$s)) %% 1000
                    WHEN 'microsecond' THEN extract(microsecond FROM %4$s) %% 1000
                    ELSE trunc(pg_catalog.pgdate_part($1::text, $2))::numeric
                END)::%2$s
                $sql$
            $function$,
            kind,
            CASE WHEN kind = 'timestamptz' THEN 'float8' ELSE 'int4' END,
            CASE WHEN kind IN ('timestamptz', 'text') THEN 'STABLE' ELSE 'IMMUTABLE' END,
            source
        );
        EXECUTE format(
            $function$
                CREATE FUNCTION pg_catalog.date_part(bpchar, %1$s)
                RETURNS %2$s LANGUAGE sql %3$s STRICT PARALLEL SAFE AS $sql$
                SELECT floor(pg_catalog.date_part($1::text, %4$s))::%2$s
                $sql$
            $function$,
            kind,
            CASE WHEN kind = 'timestamptz' THEN 'float8' ELSE 'int8' END,
            CASE WHEN kind IN ('timestamptz', 'text') THEN 'STABLE' ELSE 'IMMUTABLE' END,
            source
        );
    END LOOP;
END
$body$;

ALTER FUNCTION pg_catalog.to_date(text, text) RENAME TO blueshift_to_date;

ALTER FUNCTION pg_catalog.to_timestamp(text, text) RENAME TO blueshift_to_timestamp;

-- What is out of range, such as 31 June or 24:38, goes over into the next unit. Reads what the fields
-- of the format say, and NULL if there is one that it does not know.
CREATE FUNCTION pg_catalog.blueshift_overflow(value text, format text)
RETURNS timestamp LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    rest text := upper(ltrim($2));
    given text := ltrim($1);
    field text;
    digits text;
    years int4 := 1;
    months int4 := 1;
    days int4 := 1;
    hours int4 := 0;
    minutes int4 := 0;
    seconds int4 := 0;
    fraction numeric := 0;
BEGIN
    WHILE rest <> '' AND given <> '' LOOP
        field := substring(rest FROM '^(YYYY|MON|MM|DD|HH24|MI|SS|MS|US|[^A-Z])');
        rest := substr(rest, length(field) + 1);
        IF field IS NULL THEN
            RETURN NULL;
        ELSIF field ~ '^[^A-Z]' THEN
            given := substr(given, 2);
            CONTINUE;
        ELSIF field = 'MON' THEN
            months := (strpos('JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC', upper(left(given, 3))) + 2) / 3;
            given := substr(given, 4);
            CONTINUE;
        END IF;
        digits := substring(
            given FROM '^[0-9]{1,' || CASE field
                WHEN 'YYYY' THEN 4 WHEN 'MS' THEN 3 WHEN 'US' THEN 6 ELSE 2
            END || '}'
        );
        IF digits IS NULL THEN
            RETURN NULL;
        END IF;
        given := substr(given, length(digits) + 1);
        CASE field
            WHEN 'YYYY' THEN years := digits;
            WHEN 'MM' THEN months := digits;
            WHEN 'DD' THEN days := digits;
            WHEN 'HH24' THEN hours := digits;
            WHEN 'MI' THEN minutes := digits;
            WHEN 'SS' THEN seconds := digits;
            ELSE fraction := ('0.' || digits)::numeric;
        END CASE;
    END LOOP;
    RETURN make_timestamp(years, 1, 1, 0, 0, 0)
        + make_interval(0, months - 1, 0, days - 1, hours, minutes, seconds + fraction::float8);
END
$body$;

-- "TO_DATE function", "TO_TIMESTAMP function": overflow is an error only for whoever is strict.
CREATE FUNCTION pg_catalog.to_date(text, text, is_strict bool DEFAULT false)
RETURNS date LANGUAGE plpgsql STABLE STRICT AS $body$
BEGIN
    RETURN pg_catalog.blueshift_to_date($1, $2);
EXCEPTION WHEN datetime_field_overflow THEN
    IF is_strict OR pg_catalog.blueshift_overflow($1, $2) IS NULL THEN
        RAISE;
    END IF;
    RETURN pg_catalog.blueshift_overflow($1, $2)::date;
END
$body$;

CREATE FUNCTION pg_catalog.to_timestamp(text, text, is_strict bool DEFAULT false)
RETURNS timestamptz LANGUAGE plpgsql STABLE STRICT AS $body$
BEGIN
    RETURN pg_catalog.blueshift_to_timestamp($1, $2);
EXCEPTION WHEN datetime_field_overflow THEN
    IF is_strict OR pg_catalog.blueshift_overflow($1, $2) IS NULL THEN
        RAISE;
    END IF;
    RETURN pg_catalog.blueshift_overflow($1, $2)::timestamptz;
END
$body$;

CREATE FUNCTION pg_catalog.to_timestamp(timestamp, text)
RETURNS timestamptz LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.to_timestamp($1::text, $2)
$body$;
