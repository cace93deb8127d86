"""Run a coroutine on the fast event loop, and stop it by the signals that mean it."""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import typer

from wirephoto.api.server import listen

Result = TypeVar("Result")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(main: Coroutine[Any, Any, Result]) -> Result | None:
    """Run `main` to its end and return its result, or None where a signal ended it before.

    SIGINT and SIGTERM cancel `main`, which may take its time to close what it opened; a second one
    ends the process as usual. Runs on uvloop where there is one.
    """
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_until_signalled(main))


def spare_what_stays() -> None:
    """Keep the garbage collector from going through everything that lives as long as the process.

    Modules, routes and statements are some hundred thousand objects: each full collection would
    hold up every request for a tenth of a second to find nothing in them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


async def _until_signalled(main: Coroutine[Any, Any, Result]) -> Result | None:
    loop, running = asyncio.get_running_loop(), asyncio.ensure_future(main)
    told = False

    def tell() -> None:
        nonlocal told
        told = True
        _forget_signals(loop)
        running.cancel()

    for number in _SIGNALS:
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, tell)
    try:
        return await running
    except asyncio.CancelledError:
        if told:
            return None
        raise
    finally:
        _forget_signals(loop)


def _forget_signals(loop: asyncio.AbstractEventLoop) -> None:
    for number in _SIGNALS:
        with contextlib.suppress(NotImplementedError):
            loop.remove_signal_handler(number)


async def until_told_to_stop() -> None:
    """Return when SIGINT or SIGTERM comes; for use inside what `run` runs."""
    task = asyncio.current_task()
    assert task is not None, "a coroutine runs in a task"
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        task.uncancel()


@contextlib.contextmanager
def taken_port(
    host: str, port: int, *, scheme: str = "http"
) -> Iterator[tuple[socket.socket, str]]:
    """Give a socket that listens, and its URL; port 0 takes a free one.

    Raises:
        typer.Exit: the address cannot be had; the reason is printed.
    """
    try:
        listener, url = listen(host, port, scheme=scheme)
    except OSError as error:
        raise no_port(host, port, error) from error
    with listener:
        yield listener, url


def no_port(host: str, port: int, error: OSError) -> typer.Exit:
    """Print why an address cannot be had, and return how to end."""
    print(f"{host}:{port}: {error.strerror or error}", file=sys.stderr)
    return typer.Exit(1)
