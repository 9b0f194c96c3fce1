"""The job store on Redis: a hash per job, a script per step, a stream of events per job."""

from shared.adapters.redis_jobs.front import RedisJobStore
from shared.adapters.redis_jobs.workshop import RedisAttemptStore

__all__ = ["RedisAttemptStore", "RedisJobStore"]
