"""Where a webhook may lead: names to public addresses only, whatever those are wrapped in."""

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver

from gateway.webhook_address import PublicResolver, is_public


@pytest.mark.parametrize(
    "address",
    ["9.9.9.9", "193.0.6.139", "2001:67c:2e8::1", "2a00:1450::1", "64:ff9b::909:909", "::ffff:9.9.9.9"],
)
def test_the_open_internet(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "255.255.255.255", "224.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
        "2002:7f00:1::", "2002:a00:1::1", "2001:db8::1", "64:ff9b:1::7f00:1", "fec0::1", "::7f00:1", "::ffff:0:7f00:1",
    ],
)  # fmt: skip
def test_everything_else(address):
    assert not is_public(address)


class Names(AbstractResolver):
    """What names mean; each answer is used once, the last one for ever: a name that is rebound."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.closed = False

    async def resolve(self, host, port=0, family=socket.AF_INET):
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": each, "port": port, "family": family, "proto": 0, "flags": 0}
            for each in addresses
        ]

    async def close(self):
        self.closed = True


def resolved(resolver, host="shop.example"):
    return [each["host"] for each in asyncio.run(resolver.resolve(host, 443))]


def test_a_public_name():
    assert resolved(PublicResolver(Names(["9.9.9.9", "9.9.9.10"]))) == ["9.9.9.9", "9.9.9.10"]


def test_one_private_address_spoils_the_name():
    with pytest.raises(OSError, match=r"shop\.example is 10\.0\.0\.1, an address that is not public"):
        resolved(PublicResolver(Names(["9.9.9.9", "10.0.0.1"])))


def test_a_name_that_is_rebound_is_looked_at_again():
    resolver = PublicResolver(Names(["9.9.9.9"], ["127.0.0.1"]))
    assert resolved(resolver) == ["9.9.9.9"]
    with pytest.raises(OSError, match="127"):
        resolved(resolver)


def test_localhost_is_the_operator_s_own_word():
    assert resolved(PublicResolver(Names(["127.0.0.1"])), "localhost") == ["127.0.0.1"]


def test_the_system_s_resolver_is_asked_where_none_is_given():
    with pytest.raises(OSError):
        resolved(PublicResolver(), "no-such-name.invalid")


def test_it_closes_what_it_was_given():
    names = Names([])
    asyncio.run(PublicResolver(names).close())
    assert names.closed
