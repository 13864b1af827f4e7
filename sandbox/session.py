"""One jailed child, seen from the referee: sends calls, waits with a deadline, and says how it ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn, Self

from heuresis.errors import Unavailable
from heuresis.program import Limits, Program
from heuresis.sandbox import frames, wire
from heuresis.sandbox.endings import gpu_memory_reason, is_texts, memory_reason, signal_name
from heuresis.sandbox.frames import ChannelClosed, Receiver
from heuresis.sandbox.luggage import Luggage
from heuresis.sandbox.meter import Meter
from heuresis.sandbox.output import Output
from heuresis.sandbox.protocol import Answer, Call, Ending, JailEnded, RemoteHandle, Usage
from heuresis.sandbox.shim import CALLBACK_ANSWER, CALLBACK_ASK, CALLS, DEVICE, FREE, LOAD, REPLY
from heuresis.sandbox.wire import WireError

_LOOK_SECONDS = 0.1
"""While waiting, memory and processor time are read at least this often."""
QUICK_SECONDS = 0.02
"""Receive timeout of the channel."""
_EXIT_SECONDS = 1.0
"""How long a child that closed its channel may take to be gone by itself."""
_TEXT_CHARS = 5000


@dataclass(frozen=True)
class Reaped:
    """What the kernel said of the dead child."""

    status: int
    """As of wait(2)."""
    cpu_seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class Child:
    """The descriptors of a jailed child and what can be asked about it."""

    channel: socket.socket
    output: int
    pidfd: int
    meter: Meter
    reap: Callable[[], Reaped]
    """Waits until the killed child and all it started are gone. Raises `Unavailable`."""
    cores: float
    """How many seconds of processor time it can use per second."""
    gpu_bytes: Callable[[], int | None] = lambda: None
    """What it holds of its leased device, None where that is not seen. Raises `Unavailable`."""


class JailSession:
    """Implements `heuresis.sandbox.protocol.Session`."""

    def __init__(self, child: Child, limits: Limits, torch: bool = False) -> None:
        """`torch`: whether the runtime has it."""
        self._child = child
        self._limits = limits
        self._channel = child.channel
        self._receiver = Receiver(child.channel, wire.FROM_JAIL.frame_bytes)
        self._luggage = Luggage(torch, limits.wall_seconds)
        self._decoder = wire.Decoder(_nothing_special, wire.FROM_JAIL)
        self._output = Output(child.output, limits.output_bytes)
        self._poller = select.poll()
        for fd in (child.channel.fileno(), child.output, child.pidfd):
            self._poller.register(fd, select.POLLIN)
        self._request = self._asked = 0
        self._abandoned: set[int] = set()
        self._proved = False
        """Whether it has a device, whose memory is watched."""
        self._calls = 0
        self._wall = 0.0
        self._since: float | None = None
        self._look_at = 0.0
        self._ended: tuple[Ending, str] | None = None
        self._closed = False
        self.gpu_bytes = child.gpu_bytes
        self._reaped: Reaped | None = None

    # -- what the referee uses

    def prove_device(self, device_uuid: str) -> None:
        """Before `load`: the child starts CUDA on the leased device and uses it. Raises `Unavailable`.

        The wall time that takes is ours; no line of the program has run.
        """
        try:
            trouble = self._round_trip([DEVICE, device_uuid], 0)
        except JailEnded as ended:
            raise Unavailable(f"the leased GPU did not answer: {ended.reason}") from ended
        if trouble != "":
            raise Unavailable(f"the leased GPU is not what was promised: {str(trouble)[:_TEXT_CHARS]}")
        self._wall, self._proved = 0.0, True

    def load(self, program: Program, entry_points: Sequence[str], seed: int) -> None:
        """Send the program and wait until it is imported. Raises `JailEnded`."""
        failure = self._round_trip([LOAD, dict(program.files), list(entry_points), seed % 2**64], 0)
        if failure is None:
            return
        if not is_texts(failure):
            self._end(Ending.VIOLATION, "answered the load with something else than two texts")
        error, trace = failure
        trace = trace.rstrip().removesuffix(error).rstrip()  # its last line is the error, which is told first
        self._end(Ending.CRASHED, f"could not be loaded: {error}\n{trace}".strip()[:_TEXT_CHARS])

    def call(self, calls: Sequence[Call]) -> list[Answer]:
        self._request += 1
        self._calls += len(calls)
        items = [self._item(call) for call in calls]
        answers = self._round_trip([CALLS, self._request, items, True], self._request)
        if type(answers) is not list or len(answers) != len(calls):
            self._end(Ending.VIOLATION, f"gave other than {len(calls)} answers to {len(calls)} calls")
        return [self._answer(item, answer) for item, answer in zip(items, answers, strict=True)]

    def send(self, calls: Sequence[Call]) -> None:
        self._request += 1
        self._calls += len(calls)
        self._resume()
        try:
            self._send([CALLS, self._request, [self._item(call) for call in calls], False])
        finally:
            self._pause()

    def free(self, handles: Sequence[RemoteHandle]) -> None:
        numbers = [handle.number for handle in handles]
        self._luggage.forget(numbers)
        self._resume()
        try:
            self._send([FREE, numbers])
        finally:
            self._pause()

    @property
    def usage(self) -> Usage:
        cpu, memory = self._figures
        return Usage(self._wall, cpu, memory, self._output.count, self._calls)

    @property
    def output(self) -> str:
        self._output.drain()
        return self._output.text

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(Unavailable):  # the worker finds its warm parent gone at the next start
            self._kill()
        self._receiver.close()
        self._channel.close()
        os.close(self._child.output)
        os.close(self._child.pidfd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    # -- one frame out, one frame back

    def _item(self, call: Call) -> list[Any]:
        target = None if call.target is None else self._luggage.known(call.target)
        keep = self._luggage.new_handle() if call.keep else None
        return [call.name, list(call.args), dict(call.kwargs), target, keep]

    def _answer(self, item: list[Any], answer: Any) -> Answer:
        if type(answer) is list and len(answer) == 1:
            return Answer(answer[0] if item[4] is None else RemoteHandle(item[4]))
        if not is_texts(answer):
            self._end(Ending.VIOLATION, "an answer that is neither a value nor an error")
        error, trace = answer
        return Answer(None, error[:_TEXT_CHARS], trace[:_TEXT_CHARS])

    def _round_trip(self, frame: list[Any], request: int) -> Any:
        self._resume()
        try:
            self._send(frame)
            while True:
                reply = self._receive()
                if reply[0] == CALLBACK_ASK:
                    self._serve(reply)
                elif reply[0] != REPLY or len(reply) != 3:
                    self._end(Ending.VIOLATION, "a frame of unknown kind")
                elif type(reply[1]) is int and reply[1] in self._abandoned:
                    self._abandoned.discard(reply[1])
                elif type(reply[1]) is not int or reply[1] != request or self._receiver.leftover:
                    self._end(Ending.VIOLATION, "an answer to another question, or more than one")
                else:
                    return reply[2]
        except BaseException:  # ours or an interrupt: the child may still answer; that answer is then thrown away
            self._abandoned.add(request)
            raise
        finally:
            self._pause()

    def _serve(self, ask: list[Any]) -> None:
        """Run one callback of ours, off the child's clock."""
        if len(ask) != 5 or type(ask[3]) is not list or type(ask[4]) is not dict or type(ask[1]) is not int:
            self._end(Ending.VIOLATION, "a callback frame of unknown shape")
        if ask[1] != self._asked or self._receiver.leftover:
            self._end(Ending.VIOLATION, "callbacks out of order")
        self._asked += 1
        callback = self._luggage.callback(ask[2])
        if callback is None:
            self._end(Ending.VIOLATION, "a call of a function it was not given")
        self._pause()
        if self._abandoned:
            self._resume()  # the time until now was counted: one that asks for ever reaches its limits
            self._send([CALLBACK_ANSWER, True, None])
            return
        if reason := self._luggage.overserved:
            self._end(Ending.WALL, reason)
        try:
            value = self._luggage.serve(callback, ask[3], ask[4])
        except BaseException:  # goes up unchanged; the child is told first, so that the session can go on
            self._resume()
            self._send([CALLBACK_ANSWER, True, None])
            raise
        self._resume()
        self._send([CALLBACK_ANSWER, False, value])

    def _send(self, frame: list[Any]) -> None:
        if self._ended is not None:
            raise JailEnded(*self._ended)
        if self._closed:
            raise JailEnded(Ending.CRASHED, "the session is closed")
        encoded = self._luggage.encode(frame)
        try:
            frames.transmit(self._channel, encoded, self._wait_to_send)
        except (BrokenPipeError, ConnectionResetError):
            self._died()

    def _receive(self) -> list[Any]:
        try:
            frame = self._receiver.take() or self._quick_frame()
            while frame is None:
                self._wait(select.POLLIN)
                with contextlib.suppress(BlockingIOError):
                    self._receiver.read()
                frame = self._receiver.take()
            value = self._decode(*frame)
            if type(value) is not list or not value or type(value[0]) is not int:
                raise WireError("not a frame")
            return value
        except WireError as error:
            self._end(Ending.VIOLATION, f"broke the protocol: {error}")
        except ChannelClosed:
            self._died()

    def _quick_frame(self) -> tuple[bytes, int | None] | None:
        """Wait for 20 ms in the kernel, without polling: most answers come sooner."""
        if self._wall + 2 * QUICK_SECONDS < self._limits.wall_seconds:
            try:
                self._receiver.read_soon()
            except BlockingIOError:
                return None
            return self._receiver.take()
        return None

    def _decode(self, body: bytes, fd: int | None) -> Any:
        if fd is None:
            return self._decoder.decode(body)
        try:
            shared = frames.read_copy(fd, frames.checked_size(fd, wire.FROM_JAIL.shared_bytes))
        finally:
            os.close(fd)
        return self._decoder.decode(body, shared)

    # -- waiting

    def _resume(self) -> None:
        self._since = time.monotonic()

    def _pause(self) -> None:
        if self._since is not None:
            now = time.monotonic()
            self._wall += now - self._since
            self._since = None
            if now > self._look_at and self._reaped is None and not self._closed:
                self._look(now)

    def _wait_to_send(self) -> None:
        self._wait(select.POLLOUT)

    def _wait(self, event: int) -> None:
        """Return when the channel is ready; end the session when a limit is reached or the child is gone."""
        channel = self._channel.fileno()
        if event != select.POLLIN:
            self._poller.modify(channel, event)
        try:
            while not self._ready(channel):
                pass
        finally:
            if event != select.POLLIN:
                self._poller.modify(channel, select.POLLIN)

    def _ready(self, channel: int) -> bool:
        now = time.monotonic()
        waited = self._wall + now - (self._since if self._since is not None else now)
        left = self._limits.wall_seconds - waited
        if left <= 0:
            self._end(Ending.WALL, f"wall limit of {self._limits.wall_seconds:g} s reached")
        if now > self._look_at:
            self._look(now)
        events = self._poller.poll(1 + 1000 * min(left, max(0.0, self._look_at - now)))
        if len(events) == 1 and events[0][0] == channel:
            return True
        ready = {fd for fd, _ in events}
        if self._child.output in ready:
            self._read_output()
        if channel in ready:
            return True
        if self._child.pidfd in ready:
            self._died()
        return False

    def _read_output(self) -> None:
        if not self._output.drain():
            self._poller.unregister(self._child.output)  # closed by every writer
        if self._output.above_cap:
            self._end(Ending.OUTPUT, f"output limit of {self._limits.output_bytes} bytes reached")

    def _look(self, now: float) -> None:
        """Compare processor time and memory with the limits; plan the next look."""
        used = self._child.meter.cpu_seconds()
        left = self._limits.cpu_seconds - used
        if left <= 0:
            self._end(Ending.CPU, f"processor time limit of {self._limits.cpu_seconds:g} s reached")
        if self._child.meter.out_of_memory():
            self._end(Ending.MEMORY, memory_reason(self._limits))
        if self._proved and (self._child.gpu_bytes() or 0) > self._limits.gpu_memory_bytes:
            self._end(Ending.MEMORY, gpu_memory_reason(self._limits))
        self._look_at = now + min(_LOOK_SECONDS, max(0.005, left / self._child.cores))

    # -- the end

    def _died(self) -> NoReturn:
        """The child closed its channel or is gone: find out why."""
        gone = select.select([self._child.pidfd], [], [], _EXIT_SECONDS)[0]
        self._output.drain()
        reaped = self._kill()
        limits = self._limits
        number = os.WTERMSIG(reaped.status) if os.WIFSIGNALED(reaped.status) else 0
        if self._output.above_cap:
            self._end(Ending.OUTPUT, f"output limit of {limits.output_bytes} bytes reached")
        if self._child.meter.out_of_memory():
            self._end(Ending.MEMORY, memory_reason(limits))
        if self._child.meter.memory_of_others():
            self._end(Ending.UNAVAILABLE, "the machine ran out of memory, and killed it below its own limit")
        if number == signal.SIGXCPU or (gone and number == signal.SIGKILL and reaped.cpu_seconds >= limits.cpu_seconds):
            self._end(Ending.CPU, f"processor time limit of {limits.cpu_seconds:g} s reached")
        if not gone:
            self._end(Ending.CRASHED, "closed its channel")
        if number:
            self._end(Ending.CRASHED, f"killed by signal {number} ({signal_name(number)})")
        self._end(Ending.CRASHED, f"exited with code {os.waitstatus_to_exitcode(reaped.status)} before answering")

    def _end(self, ending: Ending, reason: str) -> NoReturn:
        """Kill the child and raise; the same end is raised again at every later use."""
        self._ended = ending, reason  # not the exception: with its traceback it would hold this session and its buffers
        self._kill()
        raise JailEnded(ending, reason)

    def _kill(self) -> Reaped:
        """Kill and reap, once. Raises `Unavailable` when the warm parent cannot say."""
        if self._reaped is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._child.pidfd, signal.SIGKILL)
            cpu, memory = self._figures
            self._reaped = Reaped(0, cpu, memory)  # stands when the warm parent cannot say
            reaped = self._child.reap()
            cpu = max(cpu, reaped.cpu_seconds, self._child.meter.cpu_seconds())
            self._reaped = Reaped(reaped.status, cpu, memory or reaped.memory_bytes)
            self._output.drain()
        return self._reaped

    @property
    def _figures(self) -> tuple[float, int]:
        """Processor seconds and peak bytes."""
        if self._reaped is not None:
            return self._reaped.cpu_seconds, self._reaped.memory_bytes
        return self._child.meter.cpu_seconds(), self._child.meter.memory_bytes()


def _nothing_special(_: wire.Decoder, code: int, __: bytes) -> Any:
    raise WireError(f"an extension of kind {code}, which only the referee may send")
