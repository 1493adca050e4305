-- Who owns what, and what each role of roles.sql may do with each table. `csat-ledger migrate` runs this after every
-- migration; roles that do not exist are passed over. Run `migrate` again after roles.sql where the tables were there first.

-- Who happened to ask first owns what was made then. Where roles.sql has said who should (the owner of the schema), that one
-- gets it; what this role may not give away stays, and `migrate` says so.
DO $owners$
DECLARE
    entry record;
BEGIN
    FOR entry IN
        SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, pg_get_userbyid(n.nspowner)) AS statement
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND c.relowner <> n.nspowner AND (
            (n.nspname = 'projections' AND pg_get_userbyid(n.nspowner) = 'csat_ledger_projector')
            OR (n.nspname = 'ledger' AND pg_get_userbyid(n.nspowner) = 'csat_ledger_migrator'))
        UNION ALL
        SELECT format('ALTER FUNCTION %s OWNER TO csat_ledger_migrator', p.oid::regprocedure)
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'ledger' AND pg_get_userbyid(n.nspowner) = 'csat_ledger_migrator' AND p.proowner <> n.nspowner
        UNION ALL
        SELECT format('GRANT SELECT ON %s TO csat_ledger_writer, csat_ledger_reader', c.oid::regclass)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname = 'projections' AND pg_get_userbyid(n.nspowner) = 'csat_ledger_projector'
    LOOP
        BEGIN
            EXECUTE entry.statement;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;
        END;
    END LOOP;
END
$owners$;

DO $grants$
DECLARE
    entry record;
BEGIN
    REVOKE ALL ON ALL TABLES IN SCHEMA ledger FROM PUBLIC;
    FOR entry IN
        SELECT rolname FROM pg_catalog.pg_roles
        WHERE rolname IN ('csat_ledger_writer', 'csat_ledger_reader', 'csat_ledger_projector', 'csat_ledger_webhooks')
    LOOP
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA ledger FROM %I', entry.rolname);
    END LOOP;
    FOR entry IN
        SELECT * FROM (VALUES
            ('csat_ledger_writer', 'SELECT, INSERT', 'events'),
            -- The lock's table is empty for ever; UPDATE is what PostgreSQL asks for of those who lock it.
            ('csat_ledger_writer', 'SELECT, UPDATE', 'events_append_lock'),
            ('csat_ledger_writer', 'SELECT, INSERT, UPDATE, DELETE', 'snapshots'),
            ('csat_ledger_writer', 'SELECT, INSERT, UPDATE, DELETE', 'due'),
            ('csat_ledger_writer', 'SELECT, INSERT, UPDATE, DELETE', 'set_aside'),
            ('csat_ledger_writer', 'SELECT, INSERT, UPDATE', 'reviews'),
            ('csat_ledger_writer', 'SELECT, INSERT', 'link_key'),
            ('csat_ledger_writer', 'SELECT', 'ledger_meta'),
            -- Refused facts are no part of the book: they are counted up, resolved, and deleted by age.
            ('csat_ledger_writer', 'SELECT, INSERT, UPDATE, DELETE', 'refusals, refusal_totals'),
            ('csat_ledger_reader', 'SELECT', 'refusals, refusal_totals'),
            ('csat_ledger_writer', 'SELECT, INSERT, UPDATE, DELETE', 'webhooks, webhook_held'),
            ('csat_ledger_reader', 'SELECT', 'events, due, set_aside, reviews, link_key, ledger_meta'),
            ('csat_ledger_reader', 'SELECT', 'webhooks, webhook_held'),
            -- It talks to whoever registered a URL, so it may add nothing to the book.
            ('csat_ledger_webhooks', 'SELECT', 'events, ledger_meta'),
            ('csat_ledger_webhooks', 'SELECT, INSERT, UPDATE, DELETE', 'webhooks, webhook_held'),
            ('csat_ledger_projector', 'SELECT', 'events, due, set_aside, reviews, link_key, ledger_meta')
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
