//! Waiting: for moments, and for descriptors to become ready.
//!
//! 1. All subscriptions are read before anything is written, since the two lists may overlap.
//! 2. What is settled at once (files, buffers, failures, moments that have passed) becomes events, and
//!    if there are any the call returns.
//! 3. Else it waits in slices of at most ten milliseconds until something is, and asks the embedder
//!    between slices whether to give up.

use std::time::Duration;

use super::Result;
use super::clock::now_ns;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::limits::WAIT_SLICE_MILLISECONDS_MAX;
use crate::memory::GuestMemory;
use crate::stdio::Input;
use crate::sys::{Direction, Readiness, Waitable};
use crate::table::{Descriptor, Kind, OpenFile};
use crate::types::{Abi, ClockId, Event, FileType, Interest, Rights, Subscription};
use crate::waiting::wait_slice;

/// Waits for any of the subscriptions and writes the events and how many there are.
///
/// # Errors
/// `INVAL` for no subscriptions, more than the limit or one that means nothing; `FAULT`; `INTR` when
/// the embedder interrupts. What is wrong with one descriptor or clock is told in its event.
pub fn poll_oneoff(
    abi: Abi,
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    stored: u32,
) -> Result {
    if count == 0 || count > ctx.limits.subscriptions_max {
        return Err(Errno::Inval);
    }
    let events_bytes = count.checked_mul(Event::BYTES).ok_or(Errno::Overflow)?;
    memory.region(events, events_bytes)?;
    memory.region(stored, 4)?;
    let waiting = load_all(abi, ctx, memory, subscriptions, count)?;
    let happened = wait(ctx, &waiting)?;
    let mut place = events;
    for event in &happened {
        event.store(memory, place)?;
        place = place.checked_add(Event::BYTES).ok_or(Errno::Overflow)?;
    }
    memory.write_u32(stored, u32::try_from(happened.len()).map_err(|_| Errno::Overflow)?)
}

/// One subscription, its moment settled.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    userdata: u64,
    what: What,
}

/// What is waited for.
#[derive(Clone, Copy, Debug)]
enum What {
    /// A moment on a clock.
    Moment { clock: ClockId, deadline_ns: u64 },
    /// A clock that cannot be waited for.
    NoClock(Errno),
    /// A descriptor.
    Stream { fd: u32, direction: Direction },
}

impl What {
    /// The number of the kind in an event.
    fn kind(self) -> u8 {
        match self {
            What::Moment { .. } | What::NoClock(_) => 0,
            What::Stream { direction: Direction::Read, .. } => 1,
            What::Stream { direction: Direction::Write, .. } => 2,
        }
    }
}

/// How one subscription stands.
enum Standing<'a> {
    /// Over, with this event.
    Done(Event),
    /// Waits until a moment, this far away.
    Later(Duration),
    /// Waits for the host.
    Host(Waitable<'a>, Direction),
}

/// Reads all subscriptions; the memory they lie in justifies the list.
fn load_all(
    abi: Abi,
    ctx: &WasiCtx,
    memory: &GuestMemory<'_>,
    subscriptions: u32,
    count: u32,
) -> Result<Vec<Waiting>> {
    let bytes = count.checked_mul(Subscription::bytes(abi)).ok_or(Errno::Overflow)?;
    memory.region(subscriptions, bytes)?;
    let mut waiting = Vec::with_capacity(usize::try_from(count).map_err(|_| Errno::Overflow)?);
    for index in 0..count {
        let offset = index * Subscription::bytes(abi);
        let place = subscriptions.checked_add(offset).ok_or(Errno::Fault)?;
        let Subscription { userdata, interest } = Subscription::load(abi, memory, place)?;
        let what = match interest {
            Interest::Clock { id, timeout, absolute } => moment(ctx, id, timeout, absolute),
            Interest::Read(fd) => What::Stream { fd, direction: Direction::Read },
            Interest::Write(fd) => What::Stream { fd, direction: Direction::Write },
        };
        waiting.push(Waiting { userdata, what });
    }
    Ok(waiting)
}

/// The moment a clock subscription waits for; one beyond the end of time is the end of time.
fn moment(ctx: &WasiCtx, id: u32, timeout: u64, absolute: bool) -> What {
    match ClockId::decode(id) {
        Err(errno) => What::NoClock(errno),
        Ok(ClockId::ProcessCputime | ClockId::ThreadCputime) => What::NoClock(Errno::Notsup),
        Ok(clock) => {
            let now = match ctx.yields.began_ns {
                _ if absolute => 0,
                Some((realtime, _)) if clock == ClockId::Realtime => realtime,
                Some((_, monotonic)) => monotonic,
                None => now_ns(ctx, clock),
            };
            What::Moment { clock, deadline_ns: now.saturating_add(timeout) }
        }
    }
}

/// Waits until at least one subscription is over and returns the events of all that are.
fn wait(ctx: &WasiCtx, waiting: &[Waiting]) -> Result<Vec<Event>> {
    let slice_max = Duration::from_millis(WAIT_SLICE_MILLISECONDS_MAX);
    loop {
        let mut events = Vec::new();
        let mut slice = slice_max;
        let mut hosts = Vec::new();
        for (index, subscription) in waiting.iter().enumerate() {
            match standing(ctx, subscription) {
                Standing::Done(event) => events.push(event),
                Standing::Later(left) => slice = slice.min(left),
                Standing::Host(stream, direction) => hosts.push((index, (stream, direction))),
            }
        }
        // With events in hand nothing is waited for, but streams that are ready belong to them.
        let now = if events.is_empty() { ctx.yields.slice(slice) } else { Duration::ZERO };
        let ready = wait_slice(ctx, &hosts, now)?;
        let of = |(index, readiness)| Some(event(waiting.get(index)?, readiness));
        events.extend(ready.into_iter().filter_map(of));
        if !events.is_empty() {
            return Ok(events);
        }
        ctx.interrupt.check()?;
        ctx.yields.check(slice)?;
    }
}

/// How one subscription stands now.
fn standing<'a>(ctx: &'a WasiCtx, subscription: &Waiting) -> Standing<'a> {
    let settled = |readiness| Standing::Done(event(subscription, readiness));
    match subscription.what {
        What::NoClock(errno) => Standing::Done(failure(subscription, errno)),
        What::Moment { clock, deadline_ns } => {
            match deadline_ns.saturating_sub(now_ns(ctx, clock)) {
                0 => settled(Readiness::default()),
                left => Standing::Later(Duration::from_nanos(left)),
            }
        }
        What::Stream { fd, direction } => match stream_standing(ctx, fd, direction) {
            Err(errno) => Standing::Done(failure(subscription, errno)),
            Ok(StreamStanding::Settled(nbytes)) => {
                settled(Readiness { ready: true, hangup: false, nbytes })
            }
            Ok(StreamStanding::Host(stream)) => Standing::Host(stream, direction),
        },
    }
}

/// How a descriptor stands.
enum StreamStanding<'a> {
    /// Ready, with so many bytes.
    Settled(u64),
    /// The host knows.
    Host(Waitable<'a>),
}

impl<'a> From<Option<Waitable<'a>>> for StreamStanding<'a> {
    fn from(stream: Option<Waitable<'a>>) -> StreamStanding<'a> {
        stream.map_or(StreamStanding::Settled(0), StreamStanding::Host)
    }
}

/// How a descriptor stands for one direction.
fn stream_standing(ctx: &WasiCtx, fd: u32, direction: Direction) -> Result<StreamStanding<'_>> {
    let descriptor = ctx.table.get(fd)?;
    require_polling(descriptor, direction)?;
    match (&descriptor.kind, direction) {
        (Kind::Input(Input::Pipe(pipe)), Direction::Read) => {
            Ok(StreamStanding::Settled(u64::try_from(pipe.len()).unwrap_or(u64::MAX)))
        }
        (Kind::Input(input), Direction::Read) => Ok(input.waitable().into()),
        (Kind::Output(output), Direction::Write) => Ok(output.waitable().into()),
        (Kind::File(file), _) if file.filetype == FileType::RegularFile => {
            Ok(StreamStanding::Settled(bytes_left(file, direction)))
        }
        (Kind::File(file), _) => Ok(StreamStanding::Host(Waitable::file(&file.file))),
        _ => Err(Errno::Badf),
    }
}

/// Refuses what cannot be polled in a direction.
fn require_polling(descriptor: &Descriptor, direction: Direction) -> Result {
    let moving = match direction {
        Direction::Read => Rights::FD_READ,
        Direction::Write => Rights::FD_WRITE,
    };
    if !descriptor.base.contains(moving) {
        return Err(Errno::Badf);
    }
    descriptor.require(Rights::POLL_FD_READWRITE)
}

/// How many bytes lie between the place in a file and its end.
fn bytes_left(file: &OpenFile, direction: Direction) -> u64 {
    use std::io::Seek as _;
    if direction == Direction::Write {
        return 0;
    }
    let len = file.file.metadata().map_or(0, |metadata| metadata.len());
    let place = (&*file.file).stream_position().unwrap_or(len);
    len.saturating_sub(place)
}

/// The event of a subscription that is over.
fn event(subscription: &Waiting, readiness: Readiness) -> Event {
    Event {
        userdata: subscription.userdata,
        error: None,
        kind: subscription.what.kind(),
        nbytes: readiness.nbytes,
        hangup: readiness.hangup,
    }
}

/// The event of a subscription that cannot be.
fn failure(subscription: &Waiting, errno: Errno) -> Event {
    let settled = event(subscription, Readiness::default());
    Event { error: Some(errno), ..settled }
}
