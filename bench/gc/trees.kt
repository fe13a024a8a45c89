// Binary trees: short-lived ones beside one that stays (after the Computer Language Benchmarks Game).
// Heavy in small allocations, hardly anything else.

private class Node(val left: Node?, val right: Node?) {
    fun count(): Int = 1 + (left?.count() ?: 0) + (right?.count() ?: 0)
}

private fun node(depth: Int): Node = if (depth == 0) Node(null, null) else Node(node(depth - 1), node(depth - 1))

private const val DEPTH = 14

fun trees(work: Int): Long {
    val long = node(if (work == 0) 0 else DEPTH)
    var sum = 0L
    repeat(work) {
        for (depth in 4..DEPTH step 5) {
            repeat(1 shl (DEPTH - depth)) { sum = fold(sum, node(depth).count().toLong()) }
        }
    }
    return fold(sum, long.count().toLong())
}
