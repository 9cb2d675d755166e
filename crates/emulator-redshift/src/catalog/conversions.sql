CREATE FUNCTION pg_catalog.blueshift_make_operator(
    name text, a text, b text, result text, a_as text, b_as text
)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    function_name text := 'pg_catalog.blueshift_operator_' || md5(name);
BEGIN
    EXECUTE format(
        'CREATE FUNCTION %s(%s, %s) RETURNS %s LANGUAGE sql STABLE PARALLEL SAFE '
        'AS ''SELECT $1::%s OPERATOR(pg_catalog.%s) $2::%s''',
        function_name, a, b, result, a_as, name, b_as
    );
    EXECUTE format(
        'CREATE OPERATOR pg_catalog.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = %s%s)',
        name, a, b, function_name,
        -- Rows that are unlike are found by it.
        CASE name WHEN '<>' THEN ', NEGATOR = OPERATOR(pg_catalog.=)' ELSE '' END
    );
END
$body$;

-- "Type compatibility and conversion", implicit conversion types: numbers, dates and times become
-- character strings wherever those are wanted; never the other way round, but in comparisons with
-- DECIMAL. Postgres does not choose between two conversions, so that what is joined by || or
-- compared has operators of its own for each pair of types.
DO $body$
DECLARE
    converted text[] := ARRAY[
        'numeric', 'int2', 'int4', 'int8', 'float4', 'float8', 'date', 'time', 'timetz',
        'timestamp', 'timestamptz'
    ];
    comparisons text[] := ARRAY['=', '<>', '<', '<=', '>', '>='];
    made record;
BEGIN
    FOR made IN SELECT type FROM unnest(converted) AS type LOOP
        EXECUTE format('CREATE CAST (%s AS text) WITH INOUT AS IMPLICIT', made.type);
    END LOOP;
    FOR made IN
        SELECT '||' AS name, a, b, 'text' AS result, 'text' AS a_as, 'text' AS b_as
        FROM (
            SELECT 'text', type FROM unnest(converted) AS type
            UNION ALL SELECT type, 'text' FROM unnest(converted) AS type
        ) AS joined (a, b)
        UNION ALL
        -- "When comparing all other numeric values with character strings, the numeric values are
        -- converted to character strings."
        SELECT name, a, b, 'bool', 'text', 'text'
        FROM unnest(comparisons) AS name, (
            SELECT 'text', number FROM unnest(converted[2:6]) AS number
            UNION ALL SELECT number, 'text' FROM unnest(converted[2:6]) AS number
        ) AS compared (a, b)
        UNION ALL
        -- "If you compare DECIMAL values with character strings, Amazon Redshift attempts to convert
        -- the character string to a DECIMAL value."
        SELECT name, a, b, 'bool', common, common
        FROM unnest(comparisons) AS name, (
            SELECT 'numeric', other, 'numeric' FROM unnest(ARRAY['text', 'int2', 'int4', 'int8']) AS other
            UNION ALL SELECT other, 'numeric', 'numeric'
            FROM unnest(ARRAY['text', 'int2', 'int4', 'int8']) AS other
            UNION ALL VALUES ('numeric', 'float4', 'float8'), ('float4', 'numeric', 'float8')
        ) AS compared (a, b, common)
    LOOP
        PERFORM pg_catalog.blueshift_make_operator(
            made.name, made.a, made.b, made.result, made.a_as, made.b_as
        );
    END LOOP;
END
$body$;

-- Rows are compared only by operators of a family.
DO $body$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT a, b, common, 'pg_catalog.' || family AS family,
            'pg_catalog.blueshift_compare_' || a || '_' || b AS function_name, comparison
        FROM (
            SELECT 'numeric', other, 'numeric', 'numeric_ops', 'numeric_cmp'
            FROM unnest(ARRAY['int2', 'int4', 'int8']) AS other
            UNION ALL SELECT other, 'numeric', 'numeric', 'numeric_ops', 'numeric_cmp'
            FROM unnest(ARRAY['int2', 'int4', 'int8']) AS other
            UNION ALL VALUES
                ('numeric', 'float4', 'float8', 'float_ops', 'btfloat8cmp'),
                ('float4', 'numeric', 'float8', 'float_ops', 'btfloat8cmp')
        ) AS compared (a, b, common, family, comparison)
    LOOP
        EXECUTE format(
            'CREATE FUNCTION %s(%s, %s) RETURNS int LANGUAGE sql STABLE STRICT PARALLEL SAFE '
            'AS ''SELECT pg_catalog.%s($1::%s, $2::%s)''',
            made.function_name, made.a, made.b, made.comparison, made.common, made.common
        );
        EXECUTE format(
            'ALTER OPERATOR FAMILY %1$s USING btree ADD '
            'OPERATOR 1 pg_catalog.<(%2$s, %3$s), OPERATOR 2 pg_catalog.<=(%2$s, %3$s), '
            'OPERATOR 3 pg_catalog.=(%2$s, %3$s), OPERATOR 4 pg_catalog.>=(%2$s, %3$s), '
            'OPERATOR 5 pg_catalog.>(%2$s, %3$s), FUNCTION 1 (%2$s, %3$s) %4$s(%2$s, %3$s)',
            made.family, made.a, made.b, made.function_name
        );
    END LOOP;
END
$body$;

DROP FUNCTION pg_catalog.blueshift_make_operator(text, text, text, text, text, text);

-- Where Postgres has a function of anything beside that of texts, it does not choose either.
DO $body$
DECLARE
    converted text[] := ARRAY[
        'numeric', 'int2', 'int4', 'int8', 'float4', 'float8', 'date', 'time', 'timetz',
        'timestamp', 'timestamptz'
    ];
    made record;
BEGIN
    FOR made IN SELECT type FROM unnest(converted) AS type LOOP
        EXECUTE format(
            'CREATE FUNCTION pg_catalog.quote_literal(%s) RETURNS text LANGUAGE sql STABLE STRICT '
            'PARALLEL SAFE AS ''SELECT pg_catalog.quote_literal($1::text)''',
            made.type
        );
    END LOOP;
    FOR made IN
        SELECT a, b
        FROM unnest(array_prepend('text', converted)) AS a,
            unnest(array_prepend('text', converted)) AS b
        WHERE a <> 'text' OR b <> 'text'
    LOOP
        EXECUTE format(
            'CREATE FUNCTION pg_catalog.concat(%s, %s) RETURNS varchar LANGUAGE sql STABLE STRICT '
            'PARALLEL SAFE AS ''SELECT pg_catalog.concat($1::text, $2::text)''',
            made.a, made.b
        );
    END LOOP;
END
$body$;
