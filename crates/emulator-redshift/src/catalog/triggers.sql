-- Last: what the files before this one make is not to be remembered.
CREATE EVENT TRIGGER blueshift_remember ON ddl_command_end
WHEN TAG IN (
    'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'CREATE VIEW',
    'CREATE MATERIALIZED VIEW', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW'
)
EXECUTE FUNCTION pg_catalog.blueshift_remember();

CREATE EVENT TRIGGER blueshift_judge_resize ON ddl_command_start
WHEN TAG IN ('ALTER TABLE')
EXECUTE FUNCTION pg_catalog.blueshift_judge_resize();
