-- Tables that a procedure makes by EXECUTE of a text that the relay could not read: lengths that
-- Redshift gives, and no keys that Postgres would enforce.
CREATE FUNCTION pg_catalog.blueshift_judge_executed()
RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    IF current_query() !~* '^[[:space:]]*call[[:space:]]' THEN
        RETURN;
    END IF;
    IF EXISTS (
        SELECT FROM pg_catalog.pg_event_trigger_ddl_commands() AS d
        JOIN pg_catalog.pg_constraint AS c ON c.conrelid = d.objid
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND (
            (c.contype IN ('p', 'u', 'x') AND c.conindid <> 0) OR (c.contype = 'f' AND EXISTS (
                SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgconstraint = c.oid
            ))
        )
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = 'a key of a table in a text that EXECUTE is given and that is no literal: '
                'not emulated yet by this Redshift stand-in',
            HINT = 'write the text as a literal behind EXECUTE, or leave the key out';
    END IF;
    UPDATE pg_catalog.pg_attribute AS a SET
        atttypid = CASE a.atttypid WHEN 'text'::regtype THEN 'varchar'::regtype ELSE a.atttypid END,
        atttypmod = CASE a.atttypid WHEN 'bpchar'::regtype THEN 1 ELSE 256 END + 4
    FROM pg_catalog.pg_event_trigger_ddl_commands() AS d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.command_tag = 'CREATE TABLE'
        AND a.attrelid = d.objid AND 0 < a.attnum AND a.atttypmod = -1
        AND a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype);
END
$body$;

CREATE EVENT TRIGGER blueshift_judge_executed ON ddl_command_end
WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
EXECUTE FUNCTION pg_catalog.blueshift_judge_executed();
