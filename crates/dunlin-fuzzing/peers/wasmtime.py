"""Runs modules on Wasmtime's library, as src/peer.rs does on the second engine: asked by src/third.rs.

`wasmtime.py PACKAGES`; PACKAGES is the folder where the package is. A line asks, lines answer, the last of them `.`:

    module BYTES FUEL              `ok`, or `invalid WHY`; fuel of each call, `-` if it is not counted
    instantiate MEMORY TABLE       how it ended; bytes of a memory, elements of a table
    call =NAME VALUES              how it ended
    state                          `global VALUE`, `memory PAGES LENGTH PIECES`, `table SIZE VALUES`, by the exports' names

What the host does is asked back: `?answer NUMBER ARGUMENTS` and `?global NUMBER` are answered by values, or by `!` if
the host fails. Values are words of bits: floats and vectors are no numbers of this language.
"""

import ctypes
import sys
import threading

sys.path.insert(0, sys.argv[1])

import wasmtime  # noqa: E402
from wasmtime import _ffi as ffi  # noqa: E402

# Bytes of native stack that guests may use: all engines should get deep before they differ.
STACK_BYTES = 32 << 20

# Bytes of a memory that are told together; those of zeros are not told.
PIECE = 4096

# What each kind of value is called, which field holds it, and how many bytes.
NUMBERS = {0: ("i", "i32", 4), 1: ("l", "i64", 8), 2: ("f", "i32", 4), 3: ("d", "i64", 8), 4: ("v", "v128", 16)}
LETTERS = {letter: (kind, field, size) for kind, (letter, field, size) in NUMBERS.items()}
NOTHING = ctypes.CFUNCTYPE(None, ctypes.c_void_p)()
FUNC, EXTERN = ffi.WASMTIME_FUNCREF.value, ffi.WASMTIME_EXTERNREF.value

TRAPS = {
    "UNREACHABLE": "unreachable",
    "MEMORY_OUT_OF_BOUNDS": "memory",
    "TABLE_OUT_OF_BOUNDS": "table",
    "INDIRECT_CALL_TO_NULL": "null",
    "BAD_SIGNATURE": "signature",
    "INTEGER_DIVISION_BY_ZERO": "zero",
    "INTEGER_OVERFLOW": "overflow",
    "BAD_CONVERSION_TO_INTEGER": "conversion",
    "STACK_OVERFLOW": "stack",
    "OUT_OF_FUEL": "fuel",
}


class Failed(Exception):
    """A host function's failure."""


class Word:
    """A value as a word, where the package expects one of its own."""

    def __init__(self, value):
        self.value = value


def to_raw(store, _type, word):
    raw = ffi.wasmtime_val_t()
    letter, bits = word[0], word[1:]
    if letter == "c":
        raw.kind = FUNC
        raw.of.funcref.store_id = 0
    elif letter == "x":
        raw.kind = EXTERN
        raw.of.externref.store_id = 0
        # The number itself stands for an object, which nobody has to free; zero would be none.
        reference = ctypes.byref(raw.of.externref)
        if bits and not ffi.wasmtime_externref_new(store._context(), int(bits, 16) + 1, NOTHING, reference):
            raise MemoryError("no room for references")
    else:
        raw.kind, field, size = LETTERS[letter]
        data = int(bits, 16).to_bytes(size, "little")
        if field == "v128":
            raw.of.v128[:] = data
        else:
            setattr(raw.of, field, int.from_bytes(data, "little", signed=True))
    return raw


def from_raw(store, raw, owned=True):
    kind = raw.kind
    if kind in NUMBERS:
        letter, field, size = NUMBERS[kind]
        bits = getattr(raw.of, field)
        bits = int.from_bytes(bytes(bits), "little") if field == "v128" else bits & ((1 << 8 * size) - 1)
        return Word(f"{letter}{bits:x}")
    word = "c" if kind == FUNC else "x"
    if kind == FUNC and raw.of.funcref.store_id != 0:
        func = wasmtime.Func._from_raw(ffi.wasmtime_func_t.from_buffer_copy(raw.of.funcref))
        ty = func.type(store)
        word = f"c{len(ty.params):x},{len(ty.results):x}"
    elif kind == EXTERN and raw.of.externref.store_id != 0:
        number = ffi.wasmtime_externref_data(store._context(), ctypes.byref(raw.of.externref))
        word = f"x{(number or 1) - 1:x}"
    if owned:
        ffi.wasmtime_val_unroot(ctypes.byref(raw))
    return Word(word)


# The package knows neither vectors nor the bits of a float: values pass as words.
wasmtime.Val._convert_to_raw = to_raw
wasmtime.Val._from_raw = from_raw


def ask(question):
    print("?" + question, flush=True)
    return sys.stdin.readline().split()


def listed(values):
    return [] if values is None else values if isinstance(values, list) else [values]


class Run:
    """A module, and its instance in a store."""

    def __init__(self, data, fuel):
        config = wasmtime.Config()
        config.consume_fuel = fuel is not None
        config.max_wasm_stack = STACK_BYTES
        # It may not be less, though nothing here is asynchronous.
        ffi.wasmtime_config_async_stack_size_set(config.ptr(), STACK_BYTES)
        for feature in ("multi_memory", "memory64", "tail_call", "relaxed_simd", "wide_arithmetic", "custom_page_sizes"):
            setattr(config, f"wasm_{feature}", True)
        self.fuel = fuel
        self.engine = wasmtime.Engine(config)
        self.module = wasmtime.Module(self.engine, data)

    def instantiate(self, memory, table):
        self.store = store = wasmtime.Store(self.engine)
        store.set_limits(memory_size=memory, table_elements=table)
        self.refuel()
        imports, funcs, globals_ = [], 0, 0
        for ty in (imported.type for imported in self.module.imports):
            if isinstance(ty, wasmtime.FuncType):
                funcs += 1
                imports.append(wasmtime.Func(store, ty, host(funcs)))
            elif isinstance(ty, wasmtime.GlobalType):
                globals_ += 1
                imports.append(wasmtime.Global(store, ty, *ask(f"global {globals_}")))
            elif isinstance(ty, wasmtime.MemoryType):
                imports.append(wasmtime.Memory(store, ty))
            else:
                null = "c" if ty.element == wasmtime.ValType.funcref() else "x"
                imports.append(wasmtime.Table(store, ty, null))
        self.exports = wasmtime.Instance(store, self.module, imports).exports(store)
        return []

    def refuel(self):
        if self.fuel is not None:
            self.store.set_fuel(self.fuel)

    def call(self, name, *values):
        self.refuel()
        return listed(self.exports[bytes.fromhex(name[1:]).decode()](self.store, *values))

    def state(self):
        lines, store = [], self.store
        for _, export in sorted(self.exports.items()):
            if isinstance(export, wasmtime.Global):
                lines.append(f"global {export.value(store)}")
            elif isinstance(export, wasmtime.Memory):
                data = bytes(export.read(store))
                pieces = [(at, data[at : at + PIECE]) for at in range(0, len(data), PIECE)]
                told = [f"{at:x},{piece.hex()}" for at, piece in pieces if any(piece)]
                lines.append(" ".join([f"memory {export.size(store):x} {len(data):x}", *told]))
            elif isinstance(export, wasmtime.Table):
                size = export.size(store)
                lines.append(" ".join([f"table {size:x}", *(export.get(store, at) for at in range(size))]))
        return lines


def host(number):
    def answer(*arguments):
        values = ask(" ".join([f"answer {number}", *arguments]))
        if values == ["!"]:
            raise Failed
        return None if not values else values[0] if len(values) == 1 else values

    return answer


def ending(action):
    try:
        return " ".join(["values", *action()])
    except Failed:
        return "host"
    except wasmtime.Trap as trap:
        return f"trap {TRAPS.get(trap.trap_code.name if trap.trap_code else '', 'other')}"
    except wasmtime.WasmtimeError as error:
        return "refused " + " ".join(str(error).split())


def module(data, fuel):
    try:
        return Run(bytes.fromhex(data), None if fuel == "-" else int(fuel)), "ok"
    except wasmtime.WasmtimeError as error:
        return None, "invalid " + " ".join(str(error).split())


def serve():
    run = None
    for line in iter(sys.stdin.readline, ""):
        what, *words = line.split()
        lines = []
        match what:
            case "module":
                run, said = module(*words)
                lines.append(said)
            case "instantiate":
                memory, table = map(int, words)
                lines.append(ending(lambda: run.instantiate(memory, table)))
            case "call":
                lines.append(ending(lambda: run.call(*words)))
            case "state":
                lines += run.state()
        print("\n".join([*lines, "."]), flush=True)


threading.stack_size(2 * STACK_BYTES)
thread = threading.Thread(target=serve)
thread.start()
thread.join()
