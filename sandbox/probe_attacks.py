"""What a probing program tries: its text, to be run in a jail. `attack` returns what worked, in words.

Nothing of it harms where it works: what it seizes it does not stop, what it sets was so before.
"""

TEXT = """
import ctypes, os, resource, socket

def attack(host, port, canary, secret, sockets, written):
    done = []

    def attempt(words, action):
        try:
            if action() is not False:
                done.append(words)
        except (OSError, ValueError, AttributeError):
            pass

    def read(path):
        with open(path, "rb") as file:
            return secret.encode() in file.read(1 << 20)

    def write(path):
        with open(path, "a"):
            pass

    def connect(name):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            try:
                with socket.socket(socket.AF_UNIX, kind) as client:
                    client.connect(name)
                    return True
            except OSError:
                pass
        ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            ends[0].sendto(b"x", name)
        finally:
            for end in ends:
                end.close()

    def peek():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ptrace(0x4206, host, 0, 0) != 0:
            return False

    def priority():
        os.setpriority(os.PRIO_PROCESS, host, os.getpriority(os.PRIO_PROCESS, host))

    def others():
        return any(name.isdigit() and int(name) != os.getpid() for name in os.listdir("/proc"))

    def namespace():
        libc = ctypes.CDLL(None, use_errno=True)
        return libc.unshare(0x10000000) == 0

    attempt("read a file of the host", lambda: read(canary))
    attempt("read the environment of the host's process", lambda: bool(open(f"/proc/{host}/environ", "rb").read()))
    attempt("opened the memory of the host's process", lambda: bool(open(f"/proc/{host}/mem", "rb")))
    attempt("has the host's environment", lambda: "HEURESIS" in "".join(os.environ))
    attempt("signalled a process of the host", lambda: os.kill(host, 0))
    attempt("changed the priority of a process of the host", priority)
    attempt("read the limits of a process of the host", lambda: bool(resource.prlimit(host, resource.RLIMIT_NOFILE)))
    attempt("traced a process of the host", peek)
    attempt("sees other processes", others)
    attempt("made a user namespace", namespace)
    for path in written:
        attempt("wrote to " + path, lambda: write(path))
    for name in sockets:
        attempt("reached a local socket of the host", lambda: connect(name))
    attempt("connected to the host's loopback", lambda: socket.create_connection(("127.0.0.1", port), 1).close())
    for change in (lambda: os.chmod(canary, 0o777), lambda: open(canary, "w").write("changed")):
        try:
            change()  # its own /tmp may hold a file of this name: the host looks
        except OSError:
            pass
    return done
"""
