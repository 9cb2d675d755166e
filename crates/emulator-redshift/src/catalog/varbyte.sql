-- "VARBYTE type": a bytea that is shown as plain hexadecimal digits, with a length, under the OID by
-- which drivers know it. The output function has to be one of ours, and only a type of the layout of
-- cstring lets it be.
INSERT INTO pg_catalog.pg_type
SELECT (jsonb_populate_record(bytes, jsonb_build_object(
    'oid', 6552, 'typname', 'blueshift_cstring', 'typlen', -2, 'typalign', 'c', 'typstorage', 'p',
    'typarray', 0, 'typinput', 'cstring_in', 'typoutput', 'cstring_out', 'typreceive', 0,
    'typsend', 0
))).*
FROM pg_catalog.pg_type AS bytes WHERE bytes.oid = 'bytea'::regtype;

INSERT INTO pg_catalog.pg_type
SELECT (jsonb_populate_record(bytes, jsonb_build_object(
    'oid', 6551, 'typname', 'varbyte', 'typarray', 0, 'typmodin', 'varbittypmodin',
    'typmodout', 'varbittypmodout'
))).*
FROM pg_catalog.pg_type AS bytes WHERE bytes.oid = 'bytea'::regtype;

CREATE CAST (varbyte AS bytea) WITHOUT FUNCTION AS IMPLICIT;

CREATE CAST (bytea AS varbyte) WITHOUT FUNCTION;

-- Volatile, so that it brings a snapshot of its own: results are also shown where there is none.
CREATE FUNCTION pg_catalog.blueshift_varbyte_out(varbyte)
RETURNS blueshift_cstring LANGUAGE sql VOLATILE STRICT PARALLEL SAFE AS $body$
SELECT encode($1, 'hex')::pg_catalog.blueshift_cstring
$body$;

UPDATE pg_catalog.pg_type SET typoutput = 'pg_catalog.blueshift_varbyte_out' WHERE oid = 6551;

CREATE FUNCTION pg_catalog.blueshift_varbyte(varbyte, bytes_max int4, explicit bool)
RETURNS varbyte LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
BEGIN
    IF bytes_max < 1 OR octet_length($1) <= bytes_max THEN
        RETURN $1;
    ELSIF NOT explicit THEN
        RAISE EXCEPTION USING
            ERRCODE = 'string_data_right_truncation',
            MESSAGE = format('value too long for type binary varying(%s)', bytes_max);
    END IF;
    RETURN substring($1::bytea FROM 1 FOR bytes_max)::varbyte;
END
$body$;

CREATE CAST (varbyte AS varbyte)
WITH FUNCTION pg_catalog.blueshift_varbyte(varbyte, int4, bool) AS IMPLICIT;

CREATE FUNCTION pg_catalog.blueshift_varbyte(text)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT convert_to($1, 'UTF8')::varbyte
$body$;

CREATE FUNCTION pg_catalog.blueshift_varbyte(bpchar)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT convert_to($1::text || repeat(' ', octet_length($1) - octet_length($1::text)), 'UTF8')::varbyte
$body$;

CREATE FUNCTION pg_catalog.blueshift_varbyte(int2)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT int2send($1)::varbyte
$body$;

CREATE FUNCTION pg_catalog.blueshift_varbyte(int4)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT int4send($1)::varbyte
$body$;

CREATE FUNCTION pg_catalog.blueshift_varbyte(int8)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT int8send($1)::varbyte
$body$;

CREATE FUNCTION pg_catalog.blueshift_text(varbyte)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT convert_from($1::bytea, 'UTF8')
$body$;

CREATE FUNCTION pg_catalog.blueshift_integer(varbyte, bytes_max int4)
RETURNS int8 LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    bytes bytea := $1;
    count int4 := octet_length(bytes);
    result int8 := 0;
BEGIN
    IF bytes_max < count THEN
        RAISE EXCEPTION USING
            ERRCODE = 'numeric_value_out_of_range',
            MESSAGE = format('%s bytes are too many for an integer of %s', count, bytes_max);
    END IF;
    IF count = bytes_max AND 128 <= get_byte(bytes, 0) THEN
        result := -1;
    END IF;
    FOR number IN 0 .. count - 1 LOOP
        result := (result << 8) | get_byte(bytes, number);
    END LOOP;
    RETURN result;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_int2(varbyte)
RETURNS int2 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_integer($1, 2)::int2
$body$;

CREATE FUNCTION pg_catalog.blueshift_int4(varbyte)
RETURNS int4 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_integer($1, 4)::int4
$body$;

CREATE FUNCTION pg_catalog.blueshift_int8(varbyte)
RETURNS int8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_integer($1, 8)
$body$;

CREATE CAST (text AS varbyte) WITH FUNCTION pg_catalog.blueshift_varbyte(text) AS ASSIGNMENT;

CREATE CAST (varchar AS varbyte) WITH FUNCTION pg_catalog.blueshift_varbyte(text) AS ASSIGNMENT;

CREATE CAST (bpchar AS varbyte) WITH FUNCTION pg_catalog.blueshift_varbyte(bpchar) AS ASSIGNMENT;

CREATE CAST (int2 AS varbyte) WITH FUNCTION pg_catalog.blueshift_varbyte(int2);

CREATE CAST (int4 AS varbyte) WITH FUNCTION pg_catalog.blueshift_varbyte(int4);

CREATE CAST (int8 AS varbyte) WITH FUNCTION pg_catalog.blueshift_varbyte(int8);

CREATE CAST (varbyte AS text) WITH FUNCTION pg_catalog.blueshift_text(varbyte) AS ASSIGNMENT;

CREATE CAST (varbyte AS varchar) WITH FUNCTION pg_catalog.blueshift_text(varbyte) AS ASSIGNMENT;

CREATE CAST (varbyte AS bpchar) WITH FUNCTION pg_catalog.blueshift_text(varbyte) AS ASSIGNMENT;

CREATE CAST (varbyte AS int2) WITH FUNCTION pg_catalog.blueshift_int2(varbyte);

CREATE CAST (varbyte AS int4) WITH FUNCTION pg_catalog.blueshift_int4(varbyte);

CREATE CAST (varbyte AS int8) WITH FUNCTION pg_catalog.blueshift_int8(varbyte);

CREATE FUNCTION pg_catalog.blueshift_joined(varbyte, varbyte)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT ($1::bytea || $2::bytea)::varbyte
$body$;

CREATE FUNCTION pg_catalog.blueshift_bitwise(varbyte, varbyte, operation text)
RETURNS varbyte LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    one bytea := $1;
    two bytea := $2;
    a int4;
    b int4;
BEGIN
    IF octet_length(one) <> octet_length(two) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'string_data_length_mismatch',
            MESSAGE = format('cannot %s VARBYTE values of different lengths', operation);
    END IF;
    FOR number IN 0 .. octet_length(one) - 1 LOOP
        a := get_byte(one, number);
        b := get_byte(two, number);
        one := set_byte(one, number, CASE operation
            WHEN 'AND' THEN a & b
            WHEN 'OR' THEN a | b
            ELSE a # b
        END);
    END LOOP;
    RETURN one::varbyte;
END
$body$;

CREATE FUNCTION pg_catalog.blueshift_and(varbyte, varbyte)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_bitwise($1, $2, 'AND')
$body$;

CREATE FUNCTION pg_catalog.blueshift_or(varbyte, varbyte)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_bitwise($1, $2, 'OR')
$body$;

CREATE FUNCTION pg_catalog.blueshift_xor(varbyte, varbyte)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_bitwise($1, $2, 'XOR')
$body$;

CREATE FUNCTION pg_catalog.blueshift_not(varbyte)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.blueshift_bitwise(
    $1, decode(repeat('ff', octet_length($1)), 'hex')::varbyte, 'XOR'
)
$body$;

CREATE OPERATOR pg_catalog.|| (
    LEFTARG = varbyte, RIGHTARG = varbyte, FUNCTION = pg_catalog.blueshift_joined
);

CREATE OPERATOR pg_catalog.+ (
    LEFTARG = varbyte, RIGHTARG = varbyte, FUNCTION = pg_catalog.blueshift_joined
);

CREATE OPERATOR pg_catalog.& (
    LEFTARG = varbyte, RIGHTARG = varbyte, FUNCTION = pg_catalog.blueshift_and
);

CREATE OPERATOR pg_catalog.| (
    LEFTARG = varbyte, RIGHTARG = varbyte, FUNCTION = pg_catalog.blueshift_or
);

CREATE OPERATOR pg_catalog.# (
    LEFTARG = varbyte, RIGHTARG = varbyte, FUNCTION = pg_catalog.blueshift_xor
);

CREATE OPERATOR pg_catalog.~ (RIGHTARG = varbyte, FUNCTION = pg_catalog.blueshift_not);

CREATE FUNCTION pg_catalog.blueshift_larger(varbyte, varbyte)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT CASE WHEN $1 < $2 THEN $2 ELSE $1 END
$body$;

CREATE FUNCTION pg_catalog.blueshift_smaller(varbyte, varbyte)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT CASE WHEN $2 < $1 THEN $2 ELSE $1 END
$body$;

CREATE AGGREGATE pg_catalog.max(varbyte) (
    SFUNC = pg_catalog.blueshift_larger, STYPE = varbyte, PARALLEL = SAFE
);

CREATE AGGREGATE pg_catalog.min(varbyte) (
    SFUNC = pg_catalog.blueshift_smaller, STYPE = varbyte, PARALLEL = SAFE
);

CREATE FUNCTION pg_catalog.from_hex(text)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT decode(repeat('0', length($1) % 2) || $1, 'hex')::varbyte
$body$;

CREATE FUNCTION pg_catalog.to_hex(varbyte)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT encode($1, 'hex')::varchar
$body$;

CREATE FUNCTION pg_catalog.blueshift_format_refused(format text)
RETURNS varbyte LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $body$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('"%s" is not a format: hex, binary, utf8 or base64', $1);
END
$body$;

CREATE FUNCTION pg_catalog.to_varbyte(text, format text)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT CASE
    WHEN lower(format) = 'hex' THEN pg_catalog.from_hex($1)
    WHEN lower(format) IN ('utf8', 'utf-8', 'utf_8') THEN $1::varbyte
    WHEN lower(format) = 'base64' THEN decode($1, 'base64')::varbyte
    WHEN lower(format) = 'binary' THEN (
        SELECT coalesce(decode(string_agg(
            lpad(to_hex(substr(padded, 8 * number - 7, 8)::bit(8)::int4), 2, '0'), '' ORDER BY number
        ), 'hex'), '')::varbyte
        FROM (SELECT lpad($1, (length($1) + 7) / 8 * 8, '0') AS padded) AS bits,
        generate_series(1, length(padded) / 8) AS number
    )
    ELSE pg_catalog.blueshift_format_refused($2)
END
$body$;

CREATE FUNCTION pg_catalog.from_varbyte(varbyte, format text)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT CASE
    WHEN lower(format) = 'hex' THEN encode($1, 'hex')::varchar
    WHEN lower(format) IN ('utf8', 'utf-8', 'utf_8') THEN $1::varchar
    WHEN lower(format) = 'base64' THEN replace(encode($1, 'base64'), chr(10), '')::varchar
    WHEN lower(format) = 'binary' THEN (
        SELECT coalesce(string_agg(get_byte($1, number)::bit(8)::text, '' ORDER BY number), '')::varchar
        FROM generate_series(0, octet_length($1) - 1) AS number
    )
    ELSE pg_catalog.blueshift_format_refused($2)::varchar
END
$body$;

CREATE FUNCTION pg_catalog.getbit(varbyte, index int4)
RETURNS int4 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT (get_byte($1, octet_length($1) - 1 - $2 / 8) >> ($2 % 8)) & 1
$body$;

CREATE FUNCTION pg_catalog.len(varbyte)
RETURNS int4 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT octet_length($1::bytea)
$body$;

CREATE FUNCTION pg_catalog.substring(varbyte, int4, int4)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.substring($1::bytea, $2, $3)::varbyte
$body$;

CREATE FUNCTION pg_catalog.substring(varbyte, int4)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.substring($1::bytea, $2)::varbyte
$body$;

CREATE FUNCTION pg_catalog.substr(varbyte, int4, int4)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.substring($1::bytea, $2, $3)::varbyte
$body$;

CREATE FUNCTION pg_catalog.substr(varbyte, int4)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT pg_catalog.substring($1::bytea, $2)::varbyte
$body$;

CREATE FUNCTION pg_catalog.concat(varbyte, varbyte)
RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT $1 || $2
$body$;

CREATE FUNCTION pg_catalog.concat(text, text)
RETURNS varchar LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
SELECT ($1 || $2)::varchar
$body$;

-- "CONCAT function": NULL if either is, whatever their types. That of Postgres leaves NULLs out.
CREATE FUNCTION pg_catalog.concat("any", "any")
RETURNS varchar LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'text_concat';
