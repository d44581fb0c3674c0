"""Drills: the product at work while processes are killed and servers fall over, and the books compared afterwards.

`python -m tests.drills` runs them at full length, as `make drill` does; the suite runs a short form of each. They are
beside the tests, whose servers they use, and scripts of their own, because what they kill are whole processes.

``lastfm``   a Last.fm in a process of its own, which misbehaves and whose people go on listening
``site``     this site with a database of its own: its processes, and what is in its database
``kills``    `fetch_history`, killed again and again in the midst of one long import
``outages``  Celery workers, while one of them, Redis or PostgreSQL falls over
"""
