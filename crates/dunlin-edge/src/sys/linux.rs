//! Linux: what need not be waited for, and room for open files.

use std::fs::File;
use std::io::IoSliceMut;

use rustix::io::{ReadWriteFlags, fcntl_dupfd_cloexec, preadv2};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files for which room is made at once: connections, and an image for each module.
const FILES: u64 = 16 << 10;

/// Lets the process open as many files as it may, and has the kernel make room for them now. Its table of files doubles when it is
/// full, and whoever opens the next file in a process with threads waits until no processor looks at the old one:
/// 15 to 35 ms, in which all of a worker's requests wait. For a process that has one thread yet.
pub(crate) fn make_room_for_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some() {
        // Where it is refused, fewer connections are accepted, as without it.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    let most = getrlimit(Resource::Nofile).current.unwrap_or(FILES);
    // A copy with the largest number that there may be, which goes at once. Without it the server waits later.
    if let (Ok(file), Ok(last)) = (File::open("/dev/null"), i32::try_from(most.clamp(1, FILES) - 1))
    {
        drop(fcntl_dupfd_cloexec(file, last));
    }
}

/// Reads a file of exactly so many bytes if all of them lie in memory; whether it was so.
pub(crate) fn read_in_memory(file: &File, bytes: &mut [u8]) -> bool {
    let (mut read, mut more) = (0, [0]);
    loop {
        // One byte more than there may be: the file has an end there, or it has grown.
        let mut buffers = [IoSliceMut::new(&mut bytes[read..]), IoSliceMut::new(&mut more)];
        match preadv2(file, &mut buffers, read as u64, ReadWriteFlags::NOWAIT) {
            Ok(0) => return read == bytes.len(),
            Ok(count) if read + count <= bytes.len() => read += count,
            Ok(_) | Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{make_room_for_files, read_in_memory};
    use rustix::process::{Resource, getrlimit};
    use std::fs::{self, File};

    #[test]
    fn as_many_files_may_be_opened_as_the_system_allows() {
        make_room_for_files();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        let status = fs::read_to_string("/proc/self/status").expect("a process");
        let room = status.lines().find_map(|line| line.strip_prefix("FDSize:")).expect("a number");
        let room: u64 = room.trim().parse().expect("a number");
        assert!(room >= limit.current.unwrap_or(u64::MAX).min(super::FILES), "{room}");
    }

    #[test]
    fn a_file_of_another_size_is_not_taken() {
        let path = std::env::temp_dir().join(format!("dunlin-in-memory-{}", std::process::id()));
        fs::write(&path, b"some bytes").expect("a file");
        let file = File::open(&path).expect("a file");
        for (len, is_whole) in [(0, false), (9, false), (10, true), (11, false)] {
            let mut bytes = vec![0; len];
            assert_eq!(read_in_memory(&file, &mut bytes), is_whole, "{len}");
            assert_eq!(&bytes[..len.min(9)], &b"some bytes"[..len.min(9)]);
        }
        fs::remove_file(path).expect("it is there");
    }
}
