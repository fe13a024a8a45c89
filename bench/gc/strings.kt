// Text that is built, split, joined, searched and compared: heavy in arrays of characters and their copies.

fun strings(work: Int): Long {
    val draw = Draw()
    var sum = 0L
    repeat(work) {
        val line = buildString {
            repeat(60) {
                append(draw.below(100_000))
                append(',')
                append("bird").append(it).append(' ')
            }
        }
        val words = line.split(' ').filter { it.isNotEmpty() }
        val joined = words.joinToString(";") { it.reversed() }
        sum = fold(sum, joined.hashCode().toLong())
        sum = fold(sum, joined.indexOf("9drib").toLong())
        sum = fold(sum, words.sumOf { it.substringBefore(',').toInt() }.toLong())
        sum = fold(sum, words.maxOf { it.substring(it.length / 2) }.hashCode().toLong())
        sum = fold(sum, line.uppercase().replace("BIRD", "wader").length.toLong())
    }
    return sum
}
