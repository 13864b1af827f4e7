"""What runs inside the jail: loads the program and answers calls until it is killed.

Nothing here is trusted by the referee. It is written to be fair to honest programs, not to withstand hostile ones.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import linecache
import os
import random
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import numpy.random  # numpy 2 loads it at first use, which every child would pay for
from msgpack import ExtType

from heuresis.program import MAIN_FILE
from heuresis.sandbox import wire
from heuresis.sandbox.cuda import device_trouble
from heuresis.sandbox.frames import Receiver, checked_size, header, sealed_memfd
from heuresis.sandbox.wire import CannotCross, Decoder, Encoded, Encoder

FOLDER = "/tmp/program"
_TRACEBACK_CHARS, _ERROR_CHARS = 4096, 1000
LOAD, CALLS, FREE, CALLBACK_ANSWER, CALLBACK_ASK, REPLY, DEVICE = range(7)
"""First item of every frame."""


class Abandoned(BaseException):
    """The referee's callable raised: this call will not be used any more."""


class Channel:
    """Frames to and from the referee. Blocking; one thread at a time (`lock`)."""

    def __init__(self, channel: socket.socket) -> None:
        self._socket = channel
        self._receiver = Receiver(channel, wire.FROM_REFEREE.frame_bytes)
        self.lock = threading.RLock()
        self.objects: dict[int, Any] = {}
        self.device = "cpu"
        self._refs: dict[int, Any] = {}
        self._asked = 0
        self._encoder = Encoder(_no_special, wire.FROM_JAIL)
        self._decoder = Decoder(self._special, wire.FROM_REFEREE)

    def encode_scalar(self, request: int, answer: list[Any]) -> Encoded:
        """The reply to a call that gave a plain scalar: its shape needs no check. Raises `CannotCross`."""
        return self._encoder.encode([REPLY, request, [answer]])

    def encode(self, frame: list[Any]) -> Encoded:
        """Raises `CannotCross`, `WireError` for a value nested too deeply or with keys that are not str."""
        wire.check_shape(frame, wire.FROM_JAIL.depth)
        return self._encoder.encode(frame)

    def inline(self, encoded: Callable[[], Encoded]) -> Encoded:
        """What `encoded` makes while large arrays stay in the frame, as far as they find room in one."""
        self._encoder.inline_bytes = wire.FROM_JAIL.frame_bytes
        try:
            return encoded()
        finally:
            self._encoder.inline_bytes = wire.INLINE_BYTES

    def send(self, encoded: Encoded) -> None:
        head = header(encoded)
        if not encoded.shared:
            self._socket.sendall(head + encoded.body)  # one call: one wake-up of the referee
            return
        fd = sealed_memfd(encoded)
        try:
            socket.send_fds(self._socket, [head], [fd])
        finally:
            os.close(fd)
        self._socket.sendall(encoded.body)

    def receive(self) -> Any:
        while (frame := self._receiver.take()) is None:
            self._receiver.read_soon()
        body, fd = frame
        if fd is None:
            return self._decoder.decode(body)
        try:
            return self._decoder.decode(body, wire.map_private(fd, checked_size(fd, wire.FROM_REFEREE.shared_bytes)))
        finally:
            os.close(fd)

    def _special(self, decoder: Decoder, code: int, payload: bytes) -> Any:
        if code == wire.HANDLE:
            return self.objects[int.from_bytes(payload, "little")]
        if code == wire.RNG:
            return np.random.default_rng(int.from_bytes(payload, "little"))
        if code == wire.REF:
            return self._refs[int.from_bytes(payload, "little")]
        if code == wire.REF_NEW:
            number, array = decoder.nested(payload)
            array.flags.writeable = False
            self._refs[number] = array
            return array
        if code == wire.CALLBACK:
            return self._proxy(int.from_bytes(payload, "little"))
        if code == wire.TENSOR:
            return importlib.import_module("torch").from_numpy(decoder.nested(payload)[0]).to(self.device)
        raise wire.WireError(f"unknown extension {code}")

    def _proxy(self, number: int) -> Callable[..., Any]:
        def callback(*args: Any, **kwargs: Any) -> Any:
            return self._ask(number, args, kwargs)

        return callback

    def _ask(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with self.lock:
            encoded = self.encode([CALLBACK_ASK, self._asked, number, list(args), kwargs])
            self._asked += 1
            self.send(encoded)
            _, failed, value = self.receive()
        if failed:
            raise Abandoned
        return value


def _no_special(encoder: Encoder, value: Any) -> ExtType:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):  # copied to the host: what was still being computed is
        try:
            return encoder.array(value.detach().cpu().resolve_conj().resolve_neg().numpy())
        except Exception as error:  # the candidate's own kind of tensor, or a failed device: told as this call's error
            raise CannotCross(f"a tensor cannot cross: {error}") from error
    raise CannotCross(f"a {type(value).__name__} cannot cross")


def serve(channel_fd: int, folder: str = FOLDER) -> None:
    """Load the program that comes first, then answer frames until the other side closes."""
    channel = Channel(socket.socket(fileno=channel_fd))
    first = channel.receive()
    if first[0] == DEVICE:
        trouble = device_trouble(first[1])
        channel.device = "cuda:0"
        channel.send(channel.encode([REPLY, 0, trouble]))
        first = channel.receive()
    _, files, entry_points, seed = first
    _reseed(seed)
    module, failure = _load(files, entry_points, folder)
    channel.send(channel.encode([REPLY, 0, failure]))
    if module is None:
        return
    late: list[Any] | None = None  # the first error of one-way calls, told at the next call
    while True:
        with channel.lock:
            frame = channel.receive()
        if frame[0] == FREE:
            for number in frame[1]:
                channel.objects.pop(number, None)
        elif frame[0] == CALLS:
            _, request, calls, reply = frame
            answers = [late or _answer(module, channel.objects, call) for call in calls]
            if reply:
                late = None
                with channel.lock:
                    _reply(channel, request, answers)
            else:
                late = next((answer for answer in answers if len(answer) == 2), late)


def _reseed(seed: int) -> None:
    """Forks share the parent's generators; give each child the session's seed."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed % 2**63)


def _load(files: dict[str, str], entry_points: list[str], folder: str) -> tuple[ModuleType | None, list[Any] | None]:
    """The program's module, or None and [error, traceback]."""
    try:
        _write_files(files, folder)
        sys.path.insert(0, folder)
        path = os.path.join(folder, MAIN_FILE)
        linecache.cache[path] = (len(files[MAIN_FILE]), None, files[MAIN_FILE].splitlines(keepends=True), path)
        spec = importlib.util.spec_from_loader("program", loader=None, origin=path)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        module.__file__ = path
        sys.modules["program"] = module
        exec(compile(files[MAIN_FILE], path, "exec"), module.__dict__)
        missing = [name for name in entry_points if not callable(getattr(module, name, None))]
    except SystemExit as error:
        return None, [f"SystemExit: {error.code}"[:_ERROR_CHARS], _traceback(error)]
    except BaseException as error:  # the candidate's own: told to the referee, who ends the session
        return None, [_error(error), _traceback(error)]
    if missing:
        return None, [f"no callable named {', '.join(missing)}", ""]
    return module, None


def _write_files(files: dict[str, str], folder: str) -> None:
    for path, text in files.items():
        target = os.path.join(folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(text)


def _answer(module: ModuleType, objects: dict[int, Any], call: list[Any]) -> list[Any]:
    """[value], or [error, traceback]."""
    name, args, kwargs, target, keep = call
    try:
        owner = module if target is None else objects[target]
        value = getattr(owner, name)(*args, **kwargs) if kwargs else getattr(owner, name)(*args)
        if keep is not None:
            objects[keep] = value
            value = None
    except BaseException as error:  # the candidate's own: told to the referee as this call's answer
        if isinstance(error, SystemExit):
            os._exit(error.code if isinstance(error.code, int) else 1)
        return [_error(error), _traceback(error)]
    return [value]


def _reply(channel: Channel, request: int, answers: list[list[Any]]) -> None:
    try:
        channel.send(_encode_answers(channel, request, answers))
    except OSError as error:  # no memory for a large array, or no descriptor may leave: nothing was sent yet
        if error.errno == errno.ETOOMANYREFS:  # other programs of this user have too many on their way
            channel.send(channel.inline(lambda: _encode_answers(channel, request, answers)))
            return
        refusal = [f"could not send its answer: {error}", ""]
        channel.send(channel.encode([REPLY, request, [refusal] * len(answers)]))


def _encode_answers(channel: Channel, request: int, answers: list[list[Any]]) -> Encoded:
    try:
        if len(answers) == 1 and type(answers[0][0]) in wire.SCALARS:
            return channel.encode_scalar(request, answers[0])
        return channel.encode([REPLY, request, answers])
    except (CannotCross, wire.WireError):
        return channel.encode([REPLY, request, [_crossing(channel, answer) for answer in answers]])


def _crossing(channel: Channel, answer: list[Any]) -> list[Any]:
    try:
        channel.encode([answer])
    except (CannotCross, wire.WireError) as error:
        return [f"returned a {type(answer[0]).__name__}, which cannot cross: {error}"[:_ERROR_CHARS], ""]
    return answer


def _error(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # a hostile __str__: its type's name must do
        text = ""
    return _clean(f"{type(error).__name__}: {text}")[:_ERROR_CHARS]


def _traceback(error: BaseException) -> str:
    """The candidate's frames only, the end of them, cut to 4 KB."""
    try:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
        text = "".join(traceback.format_list(frames)) + "".join(traceback.format_exception_only(error))
    except BaseException:  # a hostile exception: no traceback then
        return ""
    return _clean(text)[-_TRACEBACK_CHARS:]


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
