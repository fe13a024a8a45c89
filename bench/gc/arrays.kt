// Arrays of numbers: a sieve over booleans, products of matrices in rows of `double`, prefix sums of
// `long`, and copies of all sizes. Heavy in loads, stores and bulk operations of arrays.

fun arrays(work: Int): Long {
    var sum = 0L
    repeat(work) {
        sum = fold(sum, sieve(200_000).toLong())
        sum = fold(sum, matrices(64).toBits())
        sum = fold(sum, prefixes(100_000))
        sum = fold(sum, copies(1 shl 16))
    }
    return sum
}

private fun sieve(bound: Int): Int {
    val composite = BooleanArray(bound)
    var primes = 0
    for (number in 2..<bound) {
        if (composite[number]) continue
        primes++
        var multiple = 2 * number
        while (multiple < bound) {
            composite[multiple] = true
            multiple += number
        }
    }
    return primes
}

private fun matrices(size: Int): Double {
    val left = Array(size) { row -> DoubleArray(size) { (row * it % 7).toDouble() } }
    val right = Array(size) { row -> DoubleArray(size) { (row + it) % 5 * 0.5 } }
    val product = Array(size) { DoubleArray(size) }
    for (row in 0..<size) {
        val out = product[row]
        for (middle in 0..<size) {
            val factor = left[row][middle]
            val from = right[middle]
            for (column in 0..<size) out[column] += factor * from[column]
        }
    }
    return product.sumOf { it.sum() }
}

private fun prefixes(size: Int): Long {
    val draw = Draw()
    val numbers = LongArray(size) { draw.next() ushr 40 }
    for (at in 1..<size) numbers[at] += numbers[at - 1]
    return numbers[size - 1]
}

private fun copies(size: Int): Long {
    val bytes = ByteArray(size) { it.toByte() }
    val other = ByteArray(size)
    var length = 1
    while (length <= size / 2) {
        bytes.copyInto(other, size - length, length, 2 * length)
        other.copyInto(bytes, 0, size - length, size)
        bytes.copyInto(bytes, 1, 0, length)
        length *= 2
    }
    other.fill(3, size / 4, size / 2)
    var sum = 0L
    for (at in 0..<size) sum += bytes[at].toLong() * other[at]
    return sum
}
