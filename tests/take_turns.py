"""Takes turns at a shared rate limit as one of several processes: `take_turns URL REQUESTS SECONDS TURNS MAX_WAIT`.

Writes how many turns came.
"""

import sys

from providers.ratelimit import Rate, limiter_for

url, requests, seconds, turns, max_wait = sys.argv[1:]
limiter = limiter_for("radio", "the application", Rate(int(requests), float(seconds)), redis_url=url)
assert limiter is not None
sys.stdout.write(str(sum(limiter.acquire(float(max_wait)) for _ in range(int(turns)))))
