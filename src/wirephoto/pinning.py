"""Connections to addresses that were checked, and to no others: what egress is built on."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from wirephoto.domain.address import Address


async def resolve_by_system(host: str, port: int) -> list[str]:
    """Return every address that the system's resolver gives, of both families."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


class Pinned(AbstractResolver):
    """Answers each question with the addresses that were checked."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - the library's signature
    ) -> list[ResolveResult]:
        """Return the addresses, whatever is asked."""
        return [
            ResolveResult(
                hostname=host,
                host=str(ip),
                port=port,
                family=socket.AF_INET if ip.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for ip in self._addresses
        ]

    async def close(self) -> None:
        """Hold nothing, so let nothing go."""


def only_to(addresses: Sequence[Address]) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
    """Return a maker of sockets for `addresses` alone: it holds even if the library resolves."""

    def make(target: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, sockaddr = target
        if ip_address(sockaddr[0]) not in addresses:
            raise OSError("an address that was not checked")
        return socket.socket(family, kind, protocol)

    return make
