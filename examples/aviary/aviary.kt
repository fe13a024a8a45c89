// A day in an aviary: an object-heavy program whose every line of output can be checked.
//
// Six parts, each small and each heavy in something that a garbage-collected guest does all day: a
// scheduler of tasks that exchange packets, binary trees, hash maps, text, sorted objects, and exceptions
// that are thrown, caught, rethrown and passed through `finally`.

fun main() {
    println("scheduler: ${Aviary(keepers = 5).run(rounds = 2_000)}")
    println("trees: ${trees(depth = 12)}")
    println("maps: ${maps(sightings = 20_000)}")
    println("text: ${text(lines = 400)}")
    println("sorted: ${sorted(birds = 5_000)}")
    println("exceptions: ${exceptions(calls = 1_000)}")
}

/** A seeded generator: the same numbers wherever the program runs. */
class Draw(private var state: Int) {
    fun below(bound: Int): Int {
        state = state * 1_103_515_245 + 12_345
        return (state ushr 8) % bound
    }
}

// Part 1: tasks in a list; each takes packets from its own queue and sends them on.

class Packet(val kind: Kind, var grams: Int) {
    var next: Packet? = null
}

enum class Kind { SEED, WATER, MAIL }

abstract class Task(val name: String) {
    private var first: Packet? = null
    private var last: Packet? = null
    var taken = 0
        private set

    fun give(packet: Packet) {
        packet.next = null
        val before = last
        if (before == null) first = packet else before.next = packet
        last = packet
    }

    fun step(aviary: Aviary): Boolean {
        val packet = first ?: return false
        first = packet.next
        if (first == null) last = null
        taken++
        work(packet, aviary)
        return true
    }

    protected abstract fun work(packet: Packet, aviary: Aviary)
}

class Keeper(name: String, private val to: Int) : Task(name) {
    private var seen = 0L

    override fun work(packet: Packet, aviary: Aviary) {
        seen = seen * 31 + packet.grams
        packet.grams = (packet.grams * 7 + to) % 1_009
        aviary.send(to, if (packet.grams % 5 == 0) Packet(Kind.MAIL, packet.grams) else packet)
    }

    override fun toString() = "$name/$taken/${seen and 0xffff}"
}

class Store(name: String) : Task(name) {
    private val kept = IntArray(Kind.entries.size)

    override fun work(packet: Packet, aviary: Aviary) {
        kept[packet.kind.ordinal] += packet.grams
        when (packet.kind) {
            Kind.SEED, Kind.WATER -> aviary.send(kept[0] % aviary.keepers, packet)
            Kind.MAIL -> aviary.send(kept[2] % aviary.keepers, Packet(Kind.SEED, packet.grams + 1))
        }
    }

    override fun toString() = "$name/$taken/${kept.joinToString("+")}"
}

class Aviary(val keepers: Int) {
    private val tasks: List<Task> =
        List(keepers) { Keeper("keeper$it", if (it % 2 == 0) keepers else (it + 1) % keepers) } + Store("store")

    fun send(to: Int, packet: Packet) = tasks[to].give(packet)

    fun run(rounds: Int): String {
        repeat(3 * keepers) { send(it % tasks.size, Packet(Kind.entries[it % 3], 10 * it + 1)) }
        var steps = 0
        repeat(rounds) { for (task in tasks) if (task.step(this)) steps++ }
        return "$steps steps, ${tasks.joinToString(" ")}"
    }
}

// Part 2: trees that are made, measured and dropped.

class Perch(val left: Perch?, val right: Perch?) {
    fun count(): Int = 1 + (left?.count() ?: 0) + (right?.count() ?: 0)
}

fun perch(depth: Int): Perch = if (depth == 0) Perch(null, null) else Perch(perch(depth - 1), perch(depth - 1))

fun trees(depth: Int): String {
    val long = perch(depth)
    val counts = (4..depth step 4).map { level ->
        var sum = 0
        repeat(1 shl (depth - level)) { sum += perch(level).count() }
        sum
    }
    return "$counts and ${long.count()}"
}

// Part 3: hash maps of numbers, of texts and of data classes.

data class Place(val row: Int, val column: Int)

fun maps(sightings: Int): String {
    val draw = Draw(7)
    val byPlace = HashMap<Place, Int>()
    val byName = LinkedHashMap<String, MutableList<Int>>()
    repeat(sightings) {
        val place = Place(draw.below(40), draw.below(40))
        byPlace[place] = (byPlace[place] ?: 0) + 1
        byName.getOrPut("bird${draw.below(50)}") { mutableListOf() }.add(place.row)
    }
    val busiest = byPlace.entries.sortedWith(compareBy({ -it.value }, { it.key.row }, { it.key.column })).first()
    byName.entries.removeAll { (_, rows) -> rows.sum() % 3 != 0 }
    val left = byName.keys.sorted().take(4)
    return "${byPlace.size} places, most ${busiest.value} at ${busiest.key}; ${byName.size} names: $left"
}

// Part 4: text that is built, split, reversed and searched.

fun text(lines: Int): String {
    val draw = Draw(11)
    val syllables = listOf("du", "n", "lin", "kno", "t", "plo", "ver", "é", "ß", "🐦")
    val built = buildString {
        repeat(lines) {
            repeat(1 + draw.below(6)) { append(syllables[draw.below(syllables.size)]) }
            append(if (it % 7 == 0) "\n" else " ")
        }
    }
    val words = built.split(' ', '\n').filter { it.isNotEmpty() }
    val mirrored = words.count { it.length > 1 && it == it.reversed() }
    val longest = words.maxWith(compareBy({ it.length }, { it }))
    val replaced = built.replace("dunlin", "DUNLIN").count { it == 'D' }
    return "${built.length} units, ${words.size} words, $mirrored mirrored, $replaced dunlins, longest $longest"
}

// Part 5: objects in the order of several keys.

class Bird(val species: String, val grams: Int, val ring: Long) : Comparable<Bird> {
    override fun compareTo(other: Bird) = compareValuesBy(this, other, Bird::grams, Bird::ring)

    override fun toString() = "$species:$grams:$ring"
}

fun sorted(birds: Int): String {
    val draw = Draw(13)
    val names = listOf("knot", "dunlin", "ruff", "sanderling", "curlew")
    val all = List(birds) { Bird(names[draw.below(names.size)], 40 + draw.below(200), draw.below(1 shl 20).toLong()) }
    val byWeight = all.sorted()
    val byName = all.sortedWith(compareBy<Bird> { it.species }.thenByDescending { it.ring })
    val rising = byWeight.zipWithNext().all { (a, b) -> a <= b }
    val means = all.groupBy { it.species }.map { (name, group) -> "$name ${group.sumOf { it.grams } / group.size}" }
    return "$rising, ${byWeight.first()} to ${byWeight.last()}, ${byName.first()}, ${means.sorted()}"
}

// Part 6: exceptions of our own and of the language, through frames with `finally`.

open class Escape(val from: Int, cause: Throwable? = null) : Exception("escape from $from", cause)

class Storm(from: Int) : Escape(from)

var closed = 0

fun cage(number: Int): Int {
    try {
        if (number % 5 == 0) throw Storm(number)
        if (number % 3 == 0) throw Escape(number)
        return number
    } finally {
        closed++
    }
}

fun row(number: Int): Int =
    try {
        cage(number)
    } catch (storm: Storm) {
        throw Escape(-storm.from, storm)
    }

fun exceptions(calls: Int): String {
    var sum = 0
    var escapes = 0
    var storms = 0
    for (number in 1..calls) {
        try {
            sum += row(number)
        } catch (escape: Escape) {
            escapes++
            if (escape.cause is Storm) storms++
        }
    }
    val of = { block: () -> Any? -> try { "${block()}" } catch (error: RuntimeException) { error::class.simpleName } }
    val numbers = intArrayOf(1, 2, 3)
    val kinds = listOf(
        of { numbers[calls] },
        of { (numbers as Any) as String },
        of { "twelve".toInt() },
        of { emptyList<Int>().first() },
        of { 7 / (closed - closed) },
        of { checkNotNull<Any>(null) },
        of { requireNotNull(numbers).sum() },
    )
    return "$sum, $escapes escapes, $storms storms, $closed closed, $kinds"
}
