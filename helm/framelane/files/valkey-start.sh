#!/bin/sh
# Made by `make contracts` from deploy/redis_acl.py; don't edit. Starts Valkey with a user for each of our parts.
#   GATEWAY_PASSWORD, WORKER_PASSWORD, FLOWER_PASSWORD, SCALER_PASSWORD, BACKUP_PASSWORD  their passwords
#   VALKEYCLI_AUTH  the password of admin, for people and the health check
#   PREFIX  FRAMELANE_REDIS__PREFIX        DATABASE  number of the database
#   MAXMEMORY, APPENDFSYNC  as in valkey.conf        RUN  a folder that is gone with the container
#   DATA (/data), PORT (6379)
# No password stands on a command line.
set -eu
umask 077
case ${PREFIX:?} in
  *[!A-Za-z0-9_-]*)
    echo "FRAMELANE_REDIS__PREFIX is $PREFIX: only letters, digits, - and _ mean nothing in a pattern of keys" >&2
    exit 78
    ;;
esac
: "${GATEWAY_PASSWORD:?}" "${WORKER_PASSWORD:?}" "${FLOWER_PASSWORD:?}" "${SCALER_PASSWORD:?}" "${BACKUP_PASSWORD:?}" "${VALKEYCLI_AUTH:?}"
cat >"$RUN/users.acl" <<END
user default reset off
user gateway reset on >$GATEWAY_PASSWORD sanitize-payload ~$PREFIX:[^a]* ~$PREFIX:active* &$PREFIX:* &$PREFIX:events* &$PREFIX:broker:* &$PREFIX:broker:/$DATABASE.celery.pidbox &$PREFIX:broker:/$DATABASE.reply.celery.pidbox &$PREFIX:broker:/$DATABASE.celeryev/* &$PREFIX:broker:/$DATABASE.celeryev/worker.* &$PREFIX:broker:/$DATABASE.celeryev/task.* -@all +@read +@write +@connection +@transaction +@pubsub +@stream +eval +evalsha +script|load +script|exists +waitaof +brpop +time -@dangerous +info -@admin -sort -sort_ro -randomkey -scan -migrate -restore -dump (~$PREFIX:audit -@all +xadd +xtrim +xrevrange +xlen)
user worker reset on >$WORKER_PASSWORD sanitize-payload ~$PREFIX:[^ak]* ~$PREFIX:active* &$PREFIX:* &$PREFIX:events* &$PREFIX:broker:* &$PREFIX:broker:/$DATABASE.celery.pidbox &$PREFIX:broker:/$DATABASE.reply.celery.pidbox &$PREFIX:broker:/$DATABASE.celeryev/* &$PREFIX:broker:/$DATABASE.celeryev/worker.* &$PREFIX:broker:/$DATABASE.celeryev/task.* -@all +@read +@write +@connection +@transaction +@pubsub +@stream +eval +evalsha +script|load +script|exists +waitaof +brpop +time -@dangerous +info -@admin -sort -sort_ro -randomkey -scan -migrate -restore -dump
user flower reset on >$FLOWER_PASSWORD sanitize-payload ~$PREFIX:broker:_kombu* ~$PREFIX:broker:*celery.pidbox* ~$PREFIX:broker:celeryev* &$PREFIX:broker:* &$PREFIX:broker:/$DATABASE.celery.pidbox &$PREFIX:broker:/$DATABASE.reply.celery.pidbox &$PREFIX:broker:/$DATABASE.celeryev/* &$PREFIX:broker:/$DATABASE.celeryev/worker.* &$PREFIX:broker:/$DATABASE.celeryev/task.* -@all +@read +@write +@connection +@transaction +@pubsub +brpop +script|load +script|exists +evalsha +time -@dangerous +info -@admin (%R~$PREFIX:broker:* -@all +llen +exists +type)
user scaler reset on >$SCALER_PASSWORD sanitize-payload ~$PREFIX:pending:* -@all +@connection -@dangerous +eval +evalsha +type +zcard +scard +llen +hlen
user backup reset on >$BACKUP_PASSWORD sanitize-payload ~$PREFIX:* &$PREFIX:events -@all +@connection +@transaction +@read +@write +eval +evalsha +scan +time +publish -@dangerous +restore +info +pubsub|channels -@admin -flushall -flushdb -swapdb -migrate -sort
user admin reset on >$VALKEYCLI_AUTH ~* &* +@all
END
cat >"$RUN/valkey.conf" <<END
aclfile $RUN/users.acl
appendonly yes
appendfsync $APPENDFSYNC
save ""
maxmemory $MAXMEMORY
maxmemory-policy noeviction
dir ${DATA:-/data}
port ${PORT:-6379}
END
exec valkey-server "$RUN/valkey.conf"
