"""Runs a WASI command on Wasmtime's library: a peer of `cargo xtask bench`.

`wasmtime.py PACKAGES --version`; `wasmtime.py PACKAGES compile MODULE OUTPUT`;
`wasmtime.py PACKAGES run OUTPUT [ARGUMENTS…]`. PACKAGES is the folder where the package is. Its program is of an
older version than the library, so both are measured.
"""

import importlib.metadata
import sys

sys.path.insert(0, sys.argv[1])

import wasmtime  # noqa: E402


def engine():
    config = wasmtime.Config()
    config.wasm_gc = True
    config.wasm_function_references = True
    config.wasm_exceptions = True
    return wasmtime.Engine(config)


def compile_to(module, output):
    with open(output, "wb") as file:
        file.write(bytes(wasmtime.Module.from_file(engine(), module).serialize()))


def run(compiled, arguments):
    using = engine()
    store = wasmtime.Store(using)
    wasi = wasmtime.WasiConfig()
    wasi.argv = [compiled, *arguments]
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    store.set_wasi(wasi)
    linker = wasmtime.Linker(using)
    linker.define_wasi()
    module = wasmtime.Module.deserialize_file(using, compiled)
    exports = linker.instantiate(store, module).exports(store)
    # A reactor is initialised, a command started.
    for name in ("_initialize", "_start"):
        if name in exports:
            exports[name](store)


match sys.argv[2:]:
    case ["--version"]:
        print(f"wasmtime {importlib.metadata.version('wasmtime')} (library)")
    case ["compile", module, output]:
        compile_to(module, output)
    case ["run", compiled, *arguments]:
        run(compiled, arguments)
    case _:
        sys.exit(__doc__)
