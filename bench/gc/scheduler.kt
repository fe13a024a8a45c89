// Tasks that exchange packets (after Richards' benchmark of operating systems): object-heavy, with virtual
// calls, casts, linked lists and little garbage.

private enum class Kind { WORK, DEVICE }

private class Packet(var link: Packet?, var to: Int, val kind: Kind) {
    var datum = 0
    val data = IntArray(4)
}

private fun append(packet: Packet, queue: Packet?): Packet {
    packet.link = null
    var last = queue ?: return packet
    while (true) last = last.link ?: break
    last.link = packet
    return queue
}

private abstract class Behaviour(protected val scheduler: Scheduler) {
    abstract fun run(packet: Packet?): Task?
}

private class Idle(scheduler: Scheduler, private var left: Int) : Behaviour(scheduler) {
    private var control = 1

    override fun run(packet: Packet?): Task? {
        if (--left <= 0) return scheduler.hold()
        val odd = control and 1 != 0
        control = (control shr 1) xor if (odd) 0xd008 else 0
        return scheduler.release(if (odd) DEVICE_B else DEVICE_A)
    }
}

private class Worker(scheduler: Scheduler) : Behaviour(scheduler) {
    private var to = HANDLER_A
    private var letter = 0

    override fun run(packet: Packet?): Task? {
        if (packet == null) return scheduler.suspend()
        to = if (to == HANDLER_A) HANDLER_B else HANDLER_A
        packet.to = to
        packet.datum = 0
        for (at in packet.data.indices) {
            letter = letter % 26 + 1
            packet.data[at] = letter
        }
        return scheduler.queue(packet)
    }
}

private class Handler(scheduler: Scheduler) : Behaviour(scheduler) {
    private var works: Packet? = null
    private var devices: Packet? = null

    override fun run(packet: Packet?): Task? {
        if (packet != null) {
            when (packet.kind) {
                Kind.WORK -> works = append(packet, works)
                Kind.DEVICE -> devices = append(packet, devices)
            }
        }
        val work = works ?: return scheduler.suspend()
        if (work.datum >= work.data.size) {
            works = work.link
            return scheduler.queue(work)
        }
        val device = devices ?: return scheduler.suspend()
        devices = device.link
        device.datum = work.data[work.datum++]
        return scheduler.queue(device)
    }
}

private class Device(scheduler: Scheduler) : Behaviour(scheduler) {
    private var pending: Packet? = null

    override fun run(packet: Packet?): Task? {
        if (packet != null) {
            pending = packet
            return scheduler.hold()
        }
        val ready = pending ?: return scheduler.suspend()
        pending = null
        return scheduler.queue(ready)
    }
}

private class Task(val link: Task?, val id: Int, val priority: Int, var packets: Packet?, val behaviour: Behaviour) {
    var held = false
    var suspended = false
    var runnable = packets != null

    fun idle() = held || (suspended && !runnable)

    fun run(): Task? {
        val packet = if (suspended && runnable) packets else null
        if (packet != null) {
            packets = packet.link
            suspended = false
            runnable = packets != null
        }
        return behaviour.run(packet)
    }

    fun given(packet: Packet, from: Task): Task {
        if (packets == null) {
            packets = packet
            runnable = true
            if (priority > from.priority) return this
        } else {
            packets = append(packet, packets)
        }
        return from
    }
}

private const val IDLE = 0
private const val WORKER = 1
private const val HANDLER_A = 2
private const val HANDLER_B = 3
private const val DEVICE_A = 4
private const val DEVICE_B = 5

private class Scheduler {
    private val tasks = arrayOfNulls<Task>(6)
    private var list: Task? = null
    private var current: Task? = null
    var queued = 0
    var holds = 0

    fun add(id: Int, priority: Int, packets: Packet?, behaviour: Behaviour, suspended: Boolean) {
        val task = Task(list, id, priority, packets, behaviour)
        task.suspended = suspended
        list = task
        tasks[id] = task
    }

    fun run() {
        current = list
        while (true) {
            val task = current ?: break
            current = if (task.idle()) task.link else task.run()
        }
    }

    fun release(id: Int): Task? {
        val task = tasks[id] ?: return null
        task.held = false
        val now = current!!
        return if (task.priority > now.priority) task else now
    }

    fun hold(): Task? {
        holds++
        val now = current!!
        now.held = true
        return now.link
    }

    fun suspend(): Task {
        val now = current!!
        now.suspended = true
        return now
    }

    fun queue(packet: Packet): Task? {
        val now = current!!
        val task = tasks[packet.to] ?: return null
        queued++
        packet.link = null
        packet.to = now.id
        return task.given(packet, now)
    }
}

private fun packets(count: Int, to: Int, kind: Kind): Packet? {
    var list: Packet? = null
    repeat(count) { list = Packet(list, to, kind) }
    return list
}

fun scheduler(work: Int): Long {
    var sum = 0L
    repeat(work) {
        val scheduler = Scheduler()
        scheduler.add(IDLE, 0, null, Idle(scheduler, 10_000), false)
        scheduler.add(WORKER, 1_000, packets(2, WORKER, Kind.WORK), Worker(scheduler), true)
        scheduler.add(HANDLER_A, 2_000, packets(3, DEVICE_A, Kind.DEVICE), Handler(scheduler), true)
        scheduler.add(HANDLER_B, 3_000, packets(3, DEVICE_B, Kind.DEVICE), Handler(scheduler), true)
        scheduler.add(DEVICE_A, 4_000, null, Device(scheduler), true)
        scheduler.add(DEVICE_B, 5_000, null, Device(scheduler), true)
        scheduler.run()
        sum = fold(fold(sum, scheduler.queued.toLong()), scheduler.holds.toLong())
    }
    return sum
}
