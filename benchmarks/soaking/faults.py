"""What happens to a soak: one fault at a time, drawn by a seeded die."""

from __future__ import annotations

__all__ = ["FAULTS", "Fault", "Scene"]

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.soaking.processes import Owner, Writers
from storage.home import Home
from storage.spool import segments


@dataclass
class Scene:
    """Who is there, and the die. `damaged` counts the lines that a fault destroyed after they were acknowledged."""

    home: Home
    owner: Owner
    writers: Writers
    die: random.Random
    damaged: int = 0

    def segment_of(self, pid: int) -> Path:
        """The segment that a writer writes now."""
        return [path for path in segments(self.home.spool) if f"-{pid}-" in path.name][-1]


Fault = Callable[[Scene], str]


def kill_writer(scene: Scene) -> str:
    """A serving process dies; another takes its place."""
    place = scene.die.randrange(len(scene.writers.pids()))
    scene.writers.kill(place)
    scene.writers.begin_again(place)
    return ""


def kill_owner(scene: Scene) -> str:
    """The owner dies and is started again."""
    return f"answers again after {scene.owner.restart():.1f} s"


def kill_both(scene: Scene) -> str:
    """A serving process and the owner die at once."""
    place = scene.die.randrange(len(scene.writers.pids()))
    scene.writers.kill(place)
    took = scene.owner.restart()
    scene.writers.begin_again(place)
    return f"answers again after {took:.1f} s"


def stop_owner(scene: Scene) -> str:
    """The owner stands still for five seconds."""
    scene.owner.pause()
    time.sleep(5)
    scene.owner.resume()
    return ""


def tear_a_tail(scene: Scene) -> str:
    """A serving process dies within a write: half a line, which nobody was promised."""
    place = scene.die.randrange(len(scene.writers.pids()))
    scene.owner.pause()
    path = scene.segment_of(scene.writers.pids()[place])
    scene.writers.kill(place)
    with path.open("ab") as file:
        file.write(b'{"c":"01234567","d":{"v":1,"k":"pred","n":1,"t":17'[: scene.die.randrange(1, 50)])
    scene.owner.resume()
    scene.writers.begin_again(place)
    return ""


def flip_a_byte(scene: Scene) -> str:
    """A byte of an acknowledged line that the owner has not read yet rots."""
    scene.owner.pause()
    path = scene.segment_of(scene.die.choice(scene.writers.pids()))
    before = path.stat().st_size
    for _ in range(20):
        time.sleep(0.5)
        content = path.read_bytes()
        if content.count(b"\n", before) > 1:
            break
    else:  # the writer ended this segment just then
        scene.owner.resume()
        return "no line came"
    start = content.index(b"\n", before) + 1
    line = content[start : content.index(b"\n", start)]
    place = start + scene.die.randrange(len(line))
    descriptor = os.open(path, os.O_WRONLY)
    os.pwrite(descriptor, bytes([content[place] ^ 1]), place)
    os.close(descriptor)
    scene.damaged += 1
    scene.owner.resume()
    return ""


def wrong_clock(scene: Scene) -> str:
    """A serving process is started again with its clock an hour wrong."""
    place = scene.die.randrange(len(scene.writers.pids()))
    hours = scene.die.choice([-1, 1])
    scene.writers.kill(place)
    scene.writers.begin_again(place, clock=hours * 3600.0)
    return f"{hours:+d} h"


FAULTS: dict[str, Fault] = {
    "writer killed": kill_writer,
    "owner killed": kill_owner,
    "writer and owner killed": kill_both,
    "owner stopped for 5 s": stop_owner,
    "writer killed, tail torn": tear_a_tail,
    "byte flipped": flip_a_byte,
    "writer's clock wrong": wrong_clock,
}
