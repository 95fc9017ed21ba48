"""The channel to the optimiser, with a process at its other end that does not hurry.

In a process of its own, because the controller's sockets are eventlet's and a test's are not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[3]

SLOW = """
import argparse, socket, time
from qb_controller.runtime.wire import Decoder, encode

parser = argparse.ArgumentParser()
parser.add_argument("--fd", type=int)
parser.add_argument("--state")
sock, decoder = socket.socket(fileno=parser.parse_args().fd), Decoder()
sock.setblocking(True)
while data := sock.recv(1 << 16):
    time.sleep(0.001)
    for message in decoder.feed(data):
        sock.sendall(encode((message[0], len(message))))
"""

BEGIN = """
import eventlet
eventlet.monkey_patch()
import sys
from qb_controller.runtime.wire import Decoder, encode
from qb_controller.southbound.openflow.optimiser_client import OptimiserClient

heard, downs = [], []

def client_of(on_message=heard.append):
    found = OptimiserClient(
        sys.argv[1], encode, Decoder, on_message, lambda: downs.append(1), "slow_reader"
    )
    eventlet.spawn(found.run)
    while found.pid is None:
        eventlet.sleep(0.01)
    return found

def wait_for(holds):
    with eventlet.Timeout(30):
        while not holds():
            eventlet.sleep(0.02)
"""

SIDE_BY_SIDE = """
client = client_of()
large = {name: name * 3_000_000 for name in "abc"}
sending = [eventlet.spawn(client.send, text) for text in large.values()]
assert all(each.wait() for each in sending)
wait_for(lambda: len(heard) == 3 or downs)
assert sorted(heard) == [(name, 3_000_000) for name in "abc"], (heard, downs)
client.stop()
"""

A_FAULT = """
def on_message(message):
    heard.append(message)
    if message[0] == "b":
        raise ValueError("a fault in whoever takes it")

client = client_of(on_message)
for name in "abc":
    assert client.send(name)
wait_for(lambda: len(heard) == 3)
assert not downs
client.stop()
"""


def run(script: str, tmp_path: Path) -> None:
    (tmp_path / "slow_reader.py").write_text(SLOW)
    known = (str(ROOT), str(tmp_path), os.environ.get("PYTHONPATH"))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(BEGIN + script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, known))},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_large_messages_of_several_greenlets_arrive_whole(tmp_path: Path) -> None:
    run(SIDE_BY_SIDE, tmp_path)


def test_a_fault_in_whoever_takes_a_message_does_not_end_the_listening(tmp_path: Path) -> None:
    run(A_FAULT, tmp_path)
