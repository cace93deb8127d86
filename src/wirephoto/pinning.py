"""Connections to addresses that were checked, and to no others: what egress is built on."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from wirephoto.domain.address import Address

THREADS = 16
"""Names that one client looks up side by side."""


class SystemResolver:
    """Asks the system's resolver for the addresses of a host name, in threads of its own.

    The system waits long for a name server that is silent, and cannot be told to stop. Were the
    threads the whole process', a few names that customers gave would take them all. Here a name
    holds one of them, shared by all who ask for it; those who have to wait for one may leave.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="look-up")
        self._free = asyncio.Semaphore(THREADS)
        self._pending: dict[str, asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:  # noqa: ARG002 - any port's
        """Return every address that the system gives, of both families.

        Raises:
            OSError: there is none.
        """
        if host not in self._pending:
            await self._free.acquire()
            if host in self._pending:  # begun by somebody else meanwhile
                self._free.release()
            else:
                self._begin(host)
        pending = self._pending[host]
        await asyncio.wait([pending])  # whoever leaves here leaves it to the others
        if pending.cancelled():
            raise OSError("broken off")
        return pending.result()

    def close(self) -> None:
        """Break off what is under way; the threads end when the system has answered."""
        self._threads.shutdown(wait=False)
        for pending in self._pending.values():
            pending.cancel()

    def _begin(self, host: str) -> None:
        def ended(pending: "asyncio.Future[list[str]]") -> None:
            del self._pending[host]
            self._free.release()
            if not pending.cancelled():
                pending.exception()  # no fault of ours if everybody has left

        loop = asyncio.get_running_loop()
        self._pending[host] = loop.run_in_executor(self._threads, _addresses, host)
        self._pending[host].add_done_callback(ended)


def _addresses(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
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
