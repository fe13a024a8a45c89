// Greets in Kotlin: the smallest guest that brings a garbage-collected language's whole start with it.
//
// The compiler's standard library prints through WASI; objects live in the engine's heap.

private class Greeting(private val whom: String) {
    override fun toString() = "Hello, $whom!"
}

fun main() {
    listOf("shore", "tide", "dunlin").map(::Greeting).forEach(::println)
}
