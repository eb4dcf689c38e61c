#!/bin/sh
# Makes the secrets that docker-compose.yml mounts, each a file in secrets/. Keeps those that are there: to change one, remove it (and
# whatever is made of it: database_url and pgbouncer_userlist of postgres_password, redis_url of redis_password) and run this again.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
# the containers read the files as users of their own: nobody else on this machine gets into the folder
chmod 700 secrets

# keep NAME: stdin becomes secrets/NAME unless it is there
keep() {
  if [ -e "secrets/$1" ]; then cat >/dev/null; else cat >"secrets/$1.draft" && chmod 644 "secrets/$1.draft" && mv "secrets/$1.draft" "secrets/$1"; fi
}
# random BYTES: so many random bytes as letters, digits, - and _
random() {
  head -c "$1" /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'
}

for name in postgres_password redis_password grafana_password; do random 24 | keep "$name"; done
for name in buyer_jwt_secret payment_webhook_secret; do random 32 | keep "$name"; done
printf 'operator:%s' "$(random 24)" | keep admin_api_keys
printf 'postgresql://sluice:%s@pgbouncer:6432/sluice' "$(cat secrets/postgres_password)" | keep database_url
printf 'redis://:%s@redis:6379' "$(cat secrets/redis_password)" | keep redis_url
printf '"sluice" "%s"\n' "$(cat secrets/postgres_password)" | keep pgbouncer_userlist
echo "secrets/ is complete. The admin key: secrets/admin_api_keys, after the colon."
