// Hash maps of numbers, texts and data classes, which grow, are read, and lose entries.

private data class Place(val row: Int, val column: Int)

fun maps(work: Int): Long {
    val draw = Draw()
    val names = List(1_000) { "bird$it" }
    var sum = 0L
    repeat(work) {
        val numbers = HashMap<Int, Int>()
        repeat(5_000) {
            val key = draw.below(3_000)
            numbers[key] = (numbers[key] ?: 0) + it
        }
        val places = HashMap<Place, String>()
        repeat(3_000) { places[Place(draw.below(50), draw.below(50))] = names[draw.below(names.size)] }
        val counts = HashMap<String, Int>()
        for (name in places.values) counts[name] = (counts[name] ?: 0) + 1
        repeat(1_500) { numbers.remove(draw.below(3_000)) }
        var of = 0L
        for ((key, value) in numbers) of += key.toLong() * value
        for ((name, count) in counts) of += name.length * count
        sum = fold(fold(fold(sum, of), places.size.toLong()), counts.size.toLong())
    }
    return sum
}
