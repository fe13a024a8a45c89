//! The times of files as they are set: as they are, now, or a moment.

use std::fs::{File, FileTimes};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap_fs_ext::SystemTimeSpec;

use crate::errno::Errno;
use crate::types::FstFlags;

type Result<T = ()> = std::result::Result<T, Errno>;

/// One time of a file, as a `set_times` wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewTime {
    /// As it is.
    Keep,
    /// Now, by the host's file system.
    Now,
    /// A moment.
    At(SystemTime),
}

impl NewTime {
    /// Reads one time and its two flags.
    fn decode(flags: FstFlags, given: FstFlags, now: FstFlags, time: u64) -> Result<NewTime> {
        match (flags.contains(given), flags.contains(now)) {
            (true, true) => Err(Errno::Inval),
            (false, false) => Ok(NewTime::Keep),
            (false, true) => Ok(NewTime::Now),
            (true, false) => {
                let moment = UNIX_EPOCH.checked_add(Duration::from_nanos(time));
                moment.map(NewTime::At).ok_or(Errno::Inval)
            }
        }
    }

    /// As the calls on paths take it.
    pub(crate) fn spec(self) -> Option<SystemTimeSpec> {
        match self {
            NewTime::Keep => None,
            NewTime::Now => Some(SystemTimeSpec::SymbolicNow),
            NewTime::At(time) => {
                Some(SystemTimeSpec::Absolute(cap_std::time::SystemTime::from_std(time)))
            }
        }
    }

    /// As the calls on open files take it.
    fn moment(self) -> Option<SystemTime> {
        match self {
            NewTime::Keep => None,
            NewTime::Now => Some(SystemTime::now()),
            NewTime::At(time) => Some(time),
        }
    }
}

/// Both times of a file, as a `set_times` wants them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) atim: NewTime,
    pub(crate) mtim: NewTime,
}

impl Times {
    /// Reads both times and their flags.
    pub(crate) fn decode(atim: u64, mtim: u64, flags: u32) -> Result<Times> {
        let flags = FstFlags::from_bits(u64::from(flags)).ok_or(Errno::Inval)?;
        Ok(Times {
            atim: NewTime::decode(flags, FstFlags::ATIM, FstFlags::ATIM_NOW, atim)?,
            mtim: NewTime::decode(flags, FstFlags::MTIM, FstFlags::MTIM_NOW, mtim)?,
        })
    }

    /// Sets the times of an open file.
    pub(crate) fn set(self, file: &File) -> Result {
        let mut set = FileTimes::new();
        if let Some(time) = self.atim.moment() {
            set = set.set_accessed(time);
        }
        if let Some(time) = self.mtim.moment() {
            set = set.set_modified(time);
        }
        Ok(file.set_times(set)?)
    }
}
