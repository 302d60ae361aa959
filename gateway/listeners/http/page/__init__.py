"""The live page at `/`: what an operator looks at, and the few things that may be done from there.

LivePage (site.py) is all that the listener knows of it. A picture of the gateway is taken at most a few times a
second and shared by all who look; nothing is asked of the store for one viewer alone but a message's story.
"""
