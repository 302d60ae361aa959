"""Where a webhook may lead: a name only to public addresses, looked at when it is resolved for the very connection.

Who controls a name's DNS could point it at a machine of ours (SSRF, DNS rebinding). An address that stands in
the configuration itself, or `localhost`, is the operator's own word and is not looked up at all.
"""

from __future__ import annotations

import errno
import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

__all__ = ["PublicResolver", "is_public"]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_INSIDE = tuple(map(ipaddress.ip_network, ("64:ff9b:1::/48", "fec0::/10", "::/96", "::ffff:0:0:0/96")))
"""Not public, though ipaddress says so: a site's own NAT64 (RFC 8215), site-local (RFC 3879), and IPv4 in two old
disguises (RFC 4291 §2.5.5.1, RFC 2765)."""


class PublicResolver(AbstractResolver):
    """The system's resolver, whose private answers are refused as a whole: half of them would be a lottery."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError when the name leads to a private address, or nowhere."""
        if self._inner is None:
            self._inner = ThreadedResolver()
        found = await self._inner.resolve(host, port, family)
        private = [each["host"] for each in found if not is_public(each["host"])]
        if private and host != "localhost":
            words = f"{host} is {private[0]}, an address that is not public: write the address itself into the webhook"
            raise OSError(errno.EACCES, words)  # aiohttp shows the words of one that has a number
        return found

    async def close(self) -> None:
        if self._inner is not None:
            await self._inner.close()


def is_public(address: str) -> bool:
    """Whether it is an address of the open internet, whatever it is wrapped in."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inside = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inside = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inside is not None and not is_public(str(inside)):
            return False
        if any(ip in network for network in _INSIDE):
            return False
    return ip.is_global and not ip.is_multicast
