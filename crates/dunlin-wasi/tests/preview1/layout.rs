//! The bytes of every record, in both revisions of the ABI.

use dunlin_wasi::types::{Abi, Event, FdStat, FileStat, FileType, Interest, Rights, Subscription};
use dunlin_wasi::types::{FdFlags, Whence, encode_dirent};
use dunlin_wasi::{Errno, GuestMemory, WasiCtx, preview1};

use crate::guest::{CREATE, Guest, ROOT, host_dir};

const STAT: FileStat = FileStat {
    dev: 0x0101,
    ino: 0x0202,
    filetype: FileType::RegularFile,
    nlink: 3,
    size: 0x0404,
    atim: 0x0505,
    mtim: 0x0606,
    ctim: 0x0707,
};

/// The words of eight bytes of a record.
fn words(bytes: &[u8]) -> Vec<u64> {
    let words = bytes.chunks_exact(8);
    words.map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes"))).collect()
}

#[test]
fn filestat() {
    let mut bytes = [0xff_u8; 72];
    let stored = STAT.store(Abi::Snapshot1, &mut GuestMemory::new(&mut bytes), 0);
    assert_eq!(stored, Ok(()));
    assert_eq!(words(&bytes[..64]), [0x0101, 0x0202, 4, 3, 0x0404, 0x0505, 0x0606, 0x0707]);
    assert_eq!(bytes[64..], [0xff; 8], "64 bytes and no more");

    let mut bytes = [0xff_u8; 64];
    let stored = STAT.store(Abi::Unstable, &mut GuestMemory::new(&mut bytes), 0);
    assert_eq!(stored, Ok(()));
    let mixed = 4 | (3 << 32);
    assert_eq!(words(&bytes[..56]), [0x0101, 0x0202, mixed, 0x0404, 0x0505, 0x0606, 0x0707]);
    assert_eq!(bytes[56..], [0xff; 8], "56 bytes and no more");

    let many = FileStat { nlink: u64::MAX, ..STAT };
    assert_eq!(many.store(Abi::Unstable, &mut GuestMemory::new(&mut bytes), 0), Ok(()));
    assert_eq!(bytes[20..24], [0xff; 4], "as many as can be told");
}

#[test]
fn fdstat() {
    let stat = FdStat {
        filetype: FileType::Directory,
        flags: FdFlags::APPEND.or(FdFlags::SYNC),
        base: Rights::FD_READ,
        inheriting: Rights::SOCK_ACCEPT,
    };
    let mut bytes = [0xff_u8; 32];
    assert_eq!(stat.store(&mut GuestMemory::new(&mut bytes), 0), Ok(()));
    assert_eq!(words(&bytes[..24]), [3 | (0b10001 << 16), 2, 1 << 29]);
    assert_eq!(bytes[24..], [0xff; 8]);
}

#[test]
fn whence() {
    let rows = [(Abi::Snapshot1, [0, 1, 2]), (Abi::Unstable, [2, 0, 1])];
    for (abi, [set, cur, end]) in rows {
        assert_eq!(Whence::decode(abi, set), Ok(Whence::Set));
        assert_eq!(Whence::decode(abi, cur), Ok(Whence::Cur));
        assert_eq!(Whence::decode(abi, end), Ok(Whence::End));
        assert_eq!(Whence::decode(abi, 3), Err(Errno::Inval));
    }
}

#[test]
fn dirent() {
    let bytes = encode_dirent(1, 2, 3, FileType::SymbolicLink);
    assert_eq!(words(&bytes), [1, 2, 3 | (7 << 32)]);
}

/// A clock subscription's bytes in a revision.
fn clock_bytes(abi: Abi, flags: u16) -> Vec<u8> {
    let mut bytes = vec![0_u8; Subscription::bytes(abi) as usize];
    bytes[0..8].copy_from_slice(&9_u64.to_le_bytes());
    let clock = if abi == Abi::Unstable { 24 } else { 16 };
    bytes[clock..clock + 4].copy_from_slice(&1_u32.to_le_bytes());
    bytes[clock + 8..clock + 16].copy_from_slice(&77_u64.to_le_bytes());
    bytes[clock + 24..clock + 26].copy_from_slice(&flags.to_le_bytes());
    bytes
}

#[test]
fn subscriptions() {
    assert_eq!(Subscription::bytes(Abi::Unstable), 56);
    for abi in [Abi::Snapshot1, Abi::Unstable] {
        for (flags, absolute) in [(0, false), (1, true)] {
            let mut bytes = clock_bytes(abi, flags);
            let loaded = Subscription::load(abi, &GuestMemory::new(&mut bytes), 0);
            let interest = Interest::Clock { id: 1, timeout: 77, absolute };
            assert_eq!(loaded, Ok(Subscription { userdata: 9, interest }));
        }
        let mut bytes = clock_bytes(abi, 2);
        assert_eq!(Subscription::load(abi, &GuestMemory::new(&mut bytes), 0), Err(Errno::Inval));
        let mut bytes = vec![0_u8; Subscription::bytes(abi) as usize];
        bytes[16] = 5;
        for (kind, interest) in [(1, Interest::Read(5)), (2, Interest::Write(5))] {
            bytes[8] = kind;
            let loaded = Subscription::load(abi, &GuestMemory::new(&mut bytes), 0);
            assert_eq!(loaded, Ok(Subscription { userdata: 0, interest }));
        }
        bytes[8] = 3;
        assert_eq!(Subscription::load(abi, &GuestMemory::new(&mut bytes), 0), Err(Errno::Inval));
        bytes.pop();
        assert_eq!(Subscription::load(abi, &GuestMemory::new(&mut bytes), 0), Err(Errno::Fault));
    }
}

#[test]
fn events() {
    let event = Event { userdata: 1, error: Some(Errno::Badf), kind: 2, nbytes: 3, hangup: true };
    let mut bytes = [0xff_u8; 40];
    assert_eq!(event.store(&mut GuestMemory::new(&mut bytes), 0), Ok(()));
    assert_eq!(words(&bytes[..32]), [1, 8 | (2 << 16), 3, 1]);
    assert_eq!(bytes[32..], [0xff; 8]);
}

#[test]
fn the_first_revision_seeks_and_stats_by_its_own_numbers() {
    let host = host_dir();
    let mut guest = Guest::with_dir(host.path());
    let fd = guest.open(ROOT, "file", CREATE).expect("made");
    assert_eq!(guest.write(fd, b"12345"), Ok(5));
    for (whence, place) in [(0, 5), (1, 5), (2, 0)] {
        let answer = guest
            .call(|ctx, memory| preview1::fd_seek(Abi::Unstable, ctx, memory, fd, 0, whence, 64));
        assert_eq!((answer, guest.u64_at(64)), (Ok(()), place), "whence {whence}");
    }
    let answer =
        guest.call(|ctx, memory| preview1::fd_filestat_get(Abi::Unstable, ctx, memory, fd, 64));
    assert_eq!(answer, Ok(()));
    assert_eq!((guest.u32_at(64 + 20), guest.u64_at(64 + 24)), (1, 5), "one name, five bytes");
}

#[test]
fn preopens_are_told_with_their_names() {
    let host = host_dir();
    let mut builder = WasiCtx::builder();
    builder.preopened_dir(host.path(), "/data", dunlin_wasi::DirRights::ReadOnly).expect("granted");
    let mut guest = Guest::new(builder);
    assert_eq!(guest.call(|ctx, memory| preview1::fd_prestat_get(ctx, memory, ROOT, 64)), Ok(()));
    assert_eq!((guest.u32_at(64), guest.u32_at(68)), (0, 5));
    let mut name =
        |len| guest.call(|ctx, memory| preview1::fd_prestat_dir_name(ctx, memory, ROOT, 128, len));
    assert_eq!(name(4), Err(Errno::Nametoolong));
    assert_eq!(name(6), Ok(()), "a larger buffer will do");
    assert_eq!(&guest.bytes[128..134], b"/data\0");
    for fd in [0, 1, 2, 4] {
        let answer = guest.call(|ctx, memory| preview1::fd_prestat_get(ctx, memory, fd, 64));
        assert_eq!(answer, Err(Errno::Badf));
    }
}

#[test]
fn arguments_and_environment() {
    let mut builder = WasiCtx::builder();
    builder.args(["first", "", "\u{fc}"]).env("A", "1").env("B", "x=y").env("A", "2");
    let mut guest = Guest::new(builder);
    let sizes = guest.call(|ctx, memory| preview1::args_sizes_get(ctx, memory, 64, 68));
    assert_eq!((sizes, guest.u32_at(64), guest.u32_at(68)), (Ok(()), 3, 10));
    assert_eq!(guest.call(|ctx, memory| preview1::args_get(ctx, memory, 64, 128)), Ok(()));
    assert_eq!([guest.u32_at(64), guest.u32_at(68), guest.u32_at(72)], [128, 134, 135]);
    assert_eq!(&guest.bytes[128..138], b"first\0\0\xc3\xbc\0");
    let sizes = guest.call(|ctx, memory| preview1::environ_sizes_get(ctx, memory, 64, 68));
    assert_eq!((sizes, guest.u32_at(64), guest.u32_at(68)), (Ok(()), 2, 10));
    assert_eq!(guest.call(|ctx, memory| preview1::environ_get(ctx, memory, 64, 128)), Ok(()));
    assert_eq!(&guest.bytes[128..138], b"B=x=y\0A=2\0");
}

#[test]
fn text_that_would_be_cut_is_refused() {
    let mut builder = WasiCtx::builder();
    assert!(builder.arg("a\0b").build().is_err());
    assert!(WasiCtx::builder().env("a\0", "b").build().is_err());
    assert!(WasiCtx::builder().env("a=b", "c").build().is_err());
    assert!(WasiCtx::builder().env("", "c").build().is_err());
    let host = host_dir();
    let rights = dunlin_wasi::DirRights::ReadOnly;
    assert!(WasiCtx::builder().preopened_dir(host.path(), "a\0", rights).is_err());
    let missing = host.path().join("missing");
    let error = WasiCtx::builder().preopened_dir(&missing, "/", rights).err();
    let told = error.expect("it is not there").to_string();
    assert!(told.contains("missing"), "{told}");
}
