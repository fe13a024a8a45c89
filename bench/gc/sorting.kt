// Objects in the order of one key, of several, and of their own comparison; lists of them are made,
// sorted, merged and dropped.

private class Bird(val species: String, val grams: Int, val ring: Long) : Comparable<Bird> {
    override fun compareTo(other: Bird): Int = if (grams != other.grams) grams.compareTo(other.grams) else ring.compareTo(other.ring)
}

fun sorting(work: Int): Long {
    val draw = Draw()
    val names = listOf("knot", "dunlin", "ruff", "sanderling", "curlew")
    var sum = 0L
    repeat(work) {
        val birds = List(4_000) { Bird(names[draw.below(names.size)], draw.below(300), draw.next() ushr 44) }
        val natural = birds.sorted()
        val byName = birds.sortedWith(compareBy<Bird> { it.species }.thenByDescending { it.ring })
        val rings = LongArray(birds.size) { birds[it].ring }
        rings.sort()
        for (at in birds.indices step 97) {
            sum = fold(fold(fold(sum, natural[at].ring), byName[at].ring), rings[at])
        }
    }
    return sum
}
