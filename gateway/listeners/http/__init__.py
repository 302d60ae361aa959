"""The HTTP door: one file per group of resources, all of them rows of one table (server.RESOURCES).

An Operation (operation.py) says who may call it, what it takes and what it answers; requests are checked against
it and /openapi.json is printed from it. Imported only where [listeners.http] stands: aiohttp is not free.
"""
