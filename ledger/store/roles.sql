-- A least-privilege role for each process of the ledger on PostgreSQL. Run by a superuser or the owner of the database
-- (who may create roles), once for each database, before `csat-ledger migrate`; running it again changes nothing.
--
--   role                   is used by                                 may
--   csat_ledger_migrator   `migrate`, by hand; no running process     create and change the tables, which it owns
--   csat_ledger_writer     `record`, `review`, `decide`, `inbox`,     add events; keep snapshots and what is due
--                          `clock`, `serve`                           (read everything, hold the lock of a role)
--   csat_ledger_reader     `status`, `changes`, `replay`, `relay`     read the book and the projections
--   csat_ledger_projector  `project`, `worker`                        read the book, keep the projections
--   csat_ledger_webhooks   `webhooks`, `webhook`                      read the events, keep webhooks and what waits for them
--
-- None but the migrator can change or remove an event, empty the table, or switch off the triggers that refuse it. Even
-- the migrator meets the triggers; but as owner of the table it could drop them, so its password stays with people.
-- What a role may do with each table stands in grants.sql, which `csat-ledger migrate` applies.
--
-- The roles have no password here. Give them one (ALTER ROLE … PASSWORD …), or certificates, or peer authentication.

DO $roles$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY
        ARRAY['csat_ledger_migrator', 'csat_ledger_writer', 'csat_ledger_reader', 'csat_ledger_projector',
              'csat_ledger_webhooks']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT', role_name);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role_name);
    END LOOP;
END
$roles$;

CREATE SCHEMA IF NOT EXISTS ledger;
ALTER SCHEMA ledger OWNER TO csat_ledger_migrator;
REVOKE ALL ON SCHEMA ledger FROM PUBLIC;
GRANT USAGE ON SCHEMA ledger TO csat_ledger_writer, csat_ledger_reader, csat_ledger_projector, csat_ledger_webhooks;

-- Projections are thrown away and built anew, so their keeper owns them, and readers may read whatever it builds.
CREATE SCHEMA IF NOT EXISTS projections;
ALTER SCHEMA projections OWNER TO csat_ledger_projector;
REVOKE ALL ON SCHEMA projections FROM PUBLIC;
GRANT USAGE ON SCHEMA projections TO csat_ledger_writer, csat_ledger_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE csat_ledger_projector IN SCHEMA projections
    GRANT SELECT ON TABLES TO csat_ledger_writer, csat_ledger_reader;
