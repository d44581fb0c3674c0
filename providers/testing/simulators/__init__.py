"""Small stateful WSGI apps that behave as the real services do, their quirks and refusals included.

``catalogue``  invented music and a life of listening to it, shared so that one person's services overlap
``faults``     answers a test or a demo puts in the way, and the record of every request seen
``page``       the frame of the pages on which a person lets an application in
``throttle``   a sliding window, for services that are asked too often
``spotify``    Spotify's accounts service (consent page, tokens) and Web API
``lastfm``     Last.fm's authorization page and its 2.0 API
``navidrome``  a Navidrome server: Subsonic API, native login and scrobble list
``household``  the three of them on sockets, with the same people in each, for a demo

In tests a simulator is mounted in-process under its real https address with :func:`providers.testing.wsgi.mounted`;
for a demo the same app listens on a socket, with :func:`providers.testing.wsgi.serving`
or ``manage.py simulate_providers``.
"""
