//! Linux: what need not be waited for.

use std::fs::File;
use std::io::IoSliceMut;

use rustix::io::{ReadWriteFlags, preadv2};

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
    use super::read_in_memory;
    use std::fs::{self, File};

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
