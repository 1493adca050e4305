-- What each role of roles.sql may do with each table. `csat-ledger migrate` runs this after every migration; roles that
-- do not exist are passed over. Run `migrate` again after roles.sql where the tables were there first.

DO $grants$
DECLARE
    entry record;
BEGIN
    FOR entry IN
        SELECT * FROM (VALUES
            ('csat_ledger_writer', 'SELECT, INSERT', 'events'),
            -- The lock's table is empty for ever; UPDATE is what PostgreSQL asks for of those who lock it.
            ('csat_ledger_writer', 'SELECT, UPDATE', 'events_append_lock'),
            ('csat_ledger_writer', 'SELECT, INSERT, UPDATE, DELETE', 'snapshots'),
            ('csat_ledger_writer', 'SELECT, INSERT, UPDATE, DELETE', 'due'),
            ('csat_ledger_writer', 'SELECT, INSERT, UPDATE, DELETE', 'set_aside'),
            ('csat_ledger_writer', 'SELECT, INSERT, UPDATE', 'reviews'),
            ('csat_ledger_writer', 'SELECT', 'ledger_meta'),
            ('csat_ledger_reader', 'SELECT', 'events, due, set_aside, reviews, ledger_meta'),
            ('csat_ledger_projector', 'SELECT', 'events, due, set_aside, reviews, ledger_meta')
        ) AS wanted (role_name, privileges, tables)
    LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = entry.role_name) THEN
            EXECUTE format('GRANT USAGE ON SCHEMA ledger TO %I', entry.role_name);
            EXECUTE format(
                'GRANT %s ON %s TO %I',
                entry.privileges,
                (SELECT string_agg('ledger.' || trim(name), ', ') FROM unnest(string_to_array(entry.tables, ',')) AS name),
                entry.role_name
            );
        END IF;
    END LOOP;
END
$grants$;
