// `gc KERNEL WORK` runs one kernel, with work that grows with the number, and prints a checksum of 16
// digits. It depends on nothing but the number, so that every engine must print the same. All kernels
// are one module: its compiler takes ten seconds for the first line of Kotlin.

@file:OptIn(kotlin.wasm.unsafe.UnsafeWasmMemoryApi::class, kotlin.wasm.ExperimentalWasmInterop::class)

import kotlin.wasm.WasmImport
import kotlin.wasm.unsafe.Pointer
import kotlin.wasm.unsafe.withScopedMemoryAllocator

private val KERNELS: Map<String, (Int) -> Long> = mapOf(
    "trees" to ::trees,
    "scheduler" to ::scheduler,
    "arrays" to ::arrays,
    "strings" to ::strings,
    "maps" to ::maps,
    "sorting" to ::sorting,
)

fun main() {
    val arguments = arguments()
    val kernel = KERNELS[arguments.getOrNull(1)] ?: error("usage: gc ${KERNELS.keys.joinToString("|")} WORK")
    println(kernel(arguments[2].toInt()).toULong().toString(16).padStart(16, '0'))
}

/** Folds a value into a checksum; order matters. */
fun fold(sum: Long, value: Long): Long {
    val mixed = (sum xor value) * -7_046_029_254_386_353_131
    return mixed xor (mixed ushr 29)
}

/** A seeded generator for inputs (xorshift64, Marsaglia). */
class Draw(private var state: Long = 88_172_645_463_325_252) {
    fun next(): Long {
        state = state xor (state shl 13)
        state = state xor (state ushr 7)
        state = state xor (state shl 17)
        return state
    }

    fun below(bound: Int): Int = ((next() ushr 33) % bound).toInt()
}

@WasmImport("wasi_snapshot_preview1", "args_sizes_get")
private external fun argsSizesGet(count: Int, bytes: Int): Int

@WasmImport("wasi_snapshot_preview1", "args_get")
private external fun argsGet(starts: Int, bytes: Int): Int

/** The command line; the language's own `main` gets none of it under WASI. */
private fun arguments(): List<String> = withScopedMemoryAllocator { allocator ->
    val sizes = allocator.allocate(8)
    check(argsSizesGet(sizes.address.toInt(), (sizes + 4).address.toInt()) == 0)
    val count = sizes.loadInt()
    val starts = allocator.allocate(4 * count)
    val bytes = allocator.allocate((sizes + 4).loadInt())
    check(argsGet(starts.address.toInt(), bytes.address.toInt()) == 0)
    List(count) { text((starts + 4 * it).loadInt()) }
}

private fun text(start: Int): String {
    val bytes = generateSequence(Pointer(start.toUInt())) { it + 1 }.map { it.loadByte() }
    return bytes.takeWhile { it != 0.toByte() }.toList().toByteArray().decodeToString()
}
