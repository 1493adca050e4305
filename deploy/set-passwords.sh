#!/bin/sh
# Run by the PostgreSQL image once, when its volume is empty, after ledger/store/roles.sql: gives each role its password.
set -eu
for name in migrator writer reader projector webhooks; do
    psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
        -v role="csat_ledger_$name" -v password="$(cat "/run/secrets/${name}_password")" <<'SQL'
ALTER ROLE :"role" PASSWORD :'password';
SQL
done
