-- ARGV: fingerprint, idempotency key ('' for none). Returns {0, record}, {2} on conflict, nil without such a job.
return known(ARGV[3], ARGV[4])
