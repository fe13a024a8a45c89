"""Runs components on Wasmtime's library, for the search and the measurement of calls between components.

`components.py PACKAGES`: a line `component TEXT` loads one and is answered by `ok`; a line `run SEED RESULT` calls its
`run` in a fresh instance, and is answered by the number, or by why it trapped. `components.py PACKAGES measure TEXT
CALLS NAMES…` prints for each function what one of so many calls costs that it makes, in nanoseconds, and what a fresh store
and instance do. PACKAGES is the folder where the package is.
"""

import sys
import time

sys.path.insert(0, sys.argv[1])

import wasmtime  # noqa: E402
from wasmtime import component as cm  # noqa: E402


def loaded(engine, text):
    component = cm.Component(engine, text)
    linker = cm.Linker(engine)
    linker.define_unknown_imports_as_traps(component)
    return component, linker


def call(engine, component, linker, seed, result):
    store = wasmtime.Store(engine)
    run = linker.instantiate(store, component).get_func(store, "run")
    return run(store, seed, result)


def search():
    engine = wasmtime.Engine()
    component = linker = None
    for line in sys.stdin:
        what, _, rest = line.rstrip("\n").partition(" ")
        try:
            if what == "component":
                component, linker = loaded(engine, rest)
                answer = "ok"
            else:
                seed, result = rest.split()
                answer = call(engine, component, linker, int(seed), result == "1")
        except wasmtime.WasmtimeError as error:
            answer = "trap: " + " ".join(str(error).split())
        except wasmtime.Trap as error:
            answer = "trap: " + " ".join(str(error).split())
        print(answer, flush=True)


def least(rounds, run):
    """Nanoseconds of processor time, the least of several."""
    times = []
    for _ in range(rounds):
        begin = time.thread_time_ns()
        run()
        times.append(time.thread_time_ns() - begin)
    return min(times)


def measure(text, calls, names):
    engine = wasmtime.Engine()
    component, linker = loaded(engine, open(text).read())
    store = wasmtime.Store(engine)
    instance = linker.instantiate(store, component)
    for name in names:
        run = instance.get_func(store, name)
        print(f"{least(7, lambda: run(store, calls)) / calls:8.1f} {name}")

    def fresh():
        for _ in range(1000):
            linker.instantiate(wasmtime.Store(engine), component)

    print(f"{least(7, fresh) / 1000:8.1f} a fresh store and instance, from Python")


match sys.argv[2:]:
    case []:
        search()
    case ["measure", text, calls, *names]:
        measure(text, int(calls), names)
    case _:
        sys.exit(__doc__)
