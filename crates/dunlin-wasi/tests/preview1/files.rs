//! Files and directories behave as POSIX programs expect.

use std::collections::BTreeSet;
use std::fs;

use dunlin_wasi::types::{FdFlags, OFlags, Rights};
use dunlin_wasi::{Errno, preview1};

use crate::guest::{CREATE, DIRECTORY, Guest, How, READ, ROOT, WRITE, host_dir};

const CUT: How = How { oflags: OFlags::CREAT.or(OFlags::TRUNC), ..WRITE };
const APPEND: How = How { flags: FdFlags::APPEND, ..CREATE };

#[test]
fn writing_reading_and_places() {
    let host = host_dir();
    let mut guest = Guest::with_dir(host.path());
    let fd = guest.open(ROOT, "file", CREATE).expect("made");
    assert_eq!(fd, 4, "the lowest free number");
    assert_eq!(guest.write(fd, b"hello world"), Ok(11));
    assert_eq!(guest.seek(fd, -5, 1), Ok(6));
    assert_eq!(guest.read(fd, 100), Ok(b"world".to_vec()));
    assert_eq!(guest.read(fd, 100), Ok(Vec::new()));
    assert_eq!(guest.seek(fd, -1, 2), Ok(10));
    assert_eq!(guest.seek(fd, -1, 0), Err(Errno::Inval));
    assert_eq!(guest.seek(fd, i64::MIN, 1), Err(Errno::Inval));
    assert_eq!(guest.seek(fd, 0, 3), Err(Errno::Inval));
    assert_eq!(guest.pwrite(fd, b"J", 0), Ok(1));
    assert_eq!(guest.pread(fd, 5, 0), Ok(b"Jello".to_vec()));
    assert_eq!(guest.seek(fd, 0, 1), Ok(10), "the place has not moved");
    assert_eq!(guest.pread(fd, 5, u64::MAX), Err(Errno::Inval));
    assert_eq!(guest.pwrite(fd, b"x", 1 << 63), Err(Errno::Inval));
    assert_eq!(guest.close(fd), Ok(()));
    assert_eq!(fs::read(host.path().join("file")).expect("made"), b"Jello world");
}

#[test]
fn opening_makes_cuts_and_appends() {
    let host = host_dir();
    let mut guest = Guest::with_dir(host.path());
    assert_eq!(guest.open(ROOT, "file", READ), Err(Errno::Noent));
    let fd = guest.open(ROOT, "file", CUT).expect("made");
    assert_eq!(guest.write(fd, b"12345"), Ok(5));
    let alone = How { oflags: OFlags::CREAT.or(OFlags::EXCL), ..WRITE };
    assert_eq!(guest.open(ROOT, "file", alone), Err(Errno::Exist));
    assert!(guest.open(ROOT, "other", alone).is_ok());
    let appending = guest.open(ROOT, "file", APPEND).expect("opened");
    assert_eq!(guest.seek(appending, 0, 0), Ok(0));
    assert_eq!(guest.write(appending, b"67"), Ok(2));
    assert_eq!(guest.pread(appending, 9, 0), Ok(b"1234567".to_vec()));
    let set = |guest: &mut Guest, flags| {
        guest.call(|ctx, memory| preview1::fd_fdstat_set_flags(ctx, memory, appending, flags))
    };
    assert_eq!(set(&mut guest, 0), Ok(()));
    assert_eq!(guest.seek(appending, 0, 0), Ok(0));
    assert_eq!(guest.write(appending, b"X"), Ok(1));
    assert_eq!(guest.pread(appending, 9, 0), Ok(b"X234567".to_vec()));
    assert_eq!(set(&mut guest, u32::from(FdFlags::SYNC.bits())), Err(Errno::Notsup));
    assert_eq!(set(&mut guest, 1 << 9), Err(Errno::Inval));
    let cut_and_append = How { flags: FdFlags::APPEND, ..CUT };
    assert!(guest.open(ROOT, "file", cut_and_append).is_ok());
    assert_eq!(guest.stat(ROOT, "file", true), Ok((4, 0)));
}

#[test]
fn making_a_file_needs_no_right_to_write_it() {
    let host = host_dir();
    let mut guest = Guest::with_dir(host.path());
    let bare = How { oflags: OFlags::CREAT, base: Rights::NONE, ..READ };
    let fd = guest.open(ROOT, "file", bare).expect("made");
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Badf));
    assert_eq!(guest.read(fd, 1), Err(Errno::Badf));
    assert!(guest.open(ROOT, "file", bare).is_ok(), "already there");
}

#[test]
fn kinds_are_not_mistaken() {
    let host = host_dir();
    let mut guest = Guest::with_dir(host.path());
    assert_eq!(guest.mkdir(ROOT, "dir"), Ok(()));
    let file = guest.open(ROOT, "file", CREATE).expect("made");
    assert_eq!(guest.open(ROOT, "file", DIRECTORY), Err(Errno::Notdir));
    assert_eq!(guest.open(ROOT, "dir", WRITE), Err(Errno::Isdir));
    assert_eq!(guest.open(file, "x", READ), Err(Errno::Notdir));
    assert_eq!(guest.mkdir(file, "x"), Err(Errno::Notdir));
    assert_eq!(guest.readdir(file, 64, 0), Err(Errno::Notdir));
    assert_eq!(guest.unlink(ROOT, "dir"), Err(Errno::Isdir));
    assert_eq!(guest.unlink(ROOT, "dir/"), Err(Errno::Isdir));
    assert_eq!(guest.rmdir(ROOT, "file"), Err(Errno::Notdir));
    assert_eq!(guest.rename((ROOT, "file"), (ROOT, "dir")), Err(Errno::Isdir));
    assert_eq!(guest.rename((ROOT, "dir"), (ROOT, "file")), Err(Errno::Notdir));
    assert!(matches!(guest.link((ROOT, "dir"), (ROOT, "x")), Err(Errno::Perm | Errno::Acces)));
    let dir = guest.open(ROOT, "dir", READ).expect("a directory, unasked");
    assert_eq!(guest.read(dir, 1), Err(Errno::Isdir));
    assert_eq!(guest.write(dir, b"x"), Err(Errno::Isdir));
    assert_eq!(guest.seek(dir, 0, 1), Err(Errno::Isdir));
    let making = How { oflags: OFlags::DIRECTORY.or(OFlags::CREAT), ..DIRECTORY };
    assert_eq!(guest.open(ROOT, "dir", making), Err(Errno::Inval));
    let cutting = How { oflags: OFlags::DIRECTORY.or(OFlags::TRUNC), ..DIRECTORY };
    assert_eq!(guest.open(ROOT, "dir", cutting), Err(Errno::Isdir));
}

#[test]
fn sizes_times_and_stores() {
    let host = host_dir();
    let mut guest = Guest::with_dir(host.path());
    let fd = guest.open(ROOT, "file", CREATE).expect("made");
    assert_eq!(
        guest.call(|ctx, memory| preview1::fd_filestat_set_size(ctx, memory, fd, 100)),
        Ok(())
    );
    assert_eq!(guest.call(|ctx, memory| preview1::fd_allocate(ctx, memory, fd, 90, 20)), Ok(()));
    assert_eq!(guest.stat(ROOT, "file", true), Ok((4, 110)));
    let mut allocate =
        |at, len| guest.call(|ctx, memory| preview1::fd_allocate(ctx, memory, fd, at, len));
    assert_eq!(allocate(0, 0), Err(Errno::Inval));
    assert_eq!(allocate(u64::MAX, u64::MAX), Err(Errno::Fbig));
    assert_eq!(allocate(0, u64::MAX), Err(Errno::Fbig));
    let mut size =
        |size| guest.call(|ctx, memory| preview1::fd_filestat_set_size(ctx, memory, fd, size));
    assert_eq!(size(u64::MAX), Err(Errno::Inval));
    let mut times = |flags| {
        guest.call(|ctx, memory| {
            preview1::fd_filestat_set_times(ctx, memory, fd, 5, 1_000_000_007, flags)
        })
    };
    assert_eq!(times(4), Ok(()));
    assert_eq!(times(1 | 2), Err(Errno::Inval));
    assert_eq!(times(4 | 8), Err(Errno::Inval));
    assert_eq!(times(16), Err(Errno::Inval));
    let modified = fs::metadata(host.path().join("file")).and_then(|data| data.modified());
    let since = modified.expect("a time").duration_since(std::time::UNIX_EPOCH);
    assert_eq!(since.expect("after 1970").as_nanos(), 1_000_000_007);
    for function in [preview1::fd_sync, preview1::fd_datasync] {
        assert_eq!(guest.call(|ctx, memory| function(ctx, memory, fd)), Ok(()));
        assert_eq!(guest.call(|ctx, memory| function(ctx, memory, ROOT)), Ok(()));
    }
    let mut advise =
        |advice| guest.call(|ctx, memory| preview1::fd_advise(ctx, memory, fd, 0, 50, advice));
    for advice in 0..6 {
        assert_eq!(advise(advice), Ok(()));
    }
    assert_eq!(advise(6), Err(Errno::Inval));
}

/// The names in a page of a listing and the cookie after the last whole one.
fn names(page: &[u8]) -> (Vec<String>, u64) {
    let mut names = Vec::new();
    let mut next = 0;
    let mut rest = page;
    while rest.len() >= 24 {
        let len = u32::from_le_bytes(rest[16..20].try_into().expect("four bytes")) as usize;
        if rest.len() < 24 + len {
            break;
        }
        next = u64::from_le_bytes(rest[..8].try_into().expect("eight bytes"));
        names.push(String::from_utf8(rest[24..24 + len].to_vec()).expect("text"));
        rest = &rest[24 + len..];
    }
    (names, next)
}

#[test]
fn a_listing_is_read_page_by_page() {
    let host = host_dir();
    for number in 0..100 {
        fs::write(host.path().join(format!("file.{number}")), "").expect("a file");
    }
    let mut guest = Guest::with_dir(host.path());
    let mut seen = BTreeSet::new();
    let mut cookie = 0;
    loop {
        let page = guest.readdir(ROOT, 256, cookie).expect("a page");
        let (found, next) = names(&page);
        for name in found {
            // What has been seen is removed, and nothing that follows is missed for it.
            if name.starts_with("file") {
                assert_eq!(guest.unlink(ROOT, &name), Ok(()));
            }
            assert!(seen.insert(name), "told twice");
        }
        if page.len() < 256 {
            break;
        }
        cookie = next;
    }
    assert_eq!(seen.len(), 102);
    let (left, _) = names(&guest.readdir(ROOT, 256, 0).expect("a page"));
    assert_eq!(left, [".", ".."], "from the start the directory is read anew");
}

#[test]
fn any_buffer_and_any_cookie_will_do() {
    let host = host_dir();
    fs::write(host.path().join("file"), "").expect("a file");
    let mut guest = Guest::with_dir(host.path());
    let whole = guest.readdir(ROOT, 4096, 0).expect("all");
    assert_eq!(names(&whole).0.len(), 3);
    for len in 0..=60 {
        let page = guest.readdir(ROOT, len, 0).expect("a cut page");
        assert_eq!(page, whole[..len as usize], "cut at {len}");
    }
    for cookie in [3, 4, 1 << 31, u64::from(u32::MAX), 1 << 63, u64::MAX] {
        assert_eq!(guest.readdir(ROOT, 256, cookie), Ok(Vec::new()), "cookie {cookie}");
    }
    let fresh = guest.open(ROOT, ".", DIRECTORY).expect("the same directory");
    assert_eq!(names(&guest.readdir(fresh, 256, 2).expect("the last")).0, ["file"]);
}

#[test]
fn listings_are_bounded_together() {
    let host = host_dir();
    for number in 0..10 {
        fs::write(host.path().join(number.to_string()), "").expect("a file");
    }
    let mut limits = dunlin_wasi::Limits::default();
    limits.directory_entries_max = 30;
    let mut builder = crate::guest::granting(host.path(), dunlin_wasi::DirRights::ReadOnly);
    builder.limits(limits);
    let mut guest = Guest::new(builder);
    let second = guest.open(ROOT, ".", DIRECTORY).expect("a directory");
    let third = guest.open(ROOT, ".", DIRECTORY).expect("a directory");
    assert!(guest.readdir(ROOT, 64, 0).is_ok());
    assert!(guest.readdir(second, 64, 0).is_ok());
    assert_eq!(guest.readdir(third, 64, 0), Err(Errno::Nomem));
    assert_eq!(guest.close(second), Ok(()));
    assert!(guest.readdir(third, 64, 0).is_ok());
}

#[test]
fn links_are_read_and_cut() {
    let host = host_dir();
    let mut guest = Guest::with_dir(host.path());
    assert_eq!(guest.symlink("target", ROOT, "link"), Ok(()));
    assert_eq!(guest.readlink(ROOT, "link", 10).as_deref(), Ok("target"));
    assert_eq!(guest.readlink(ROOT, "link", 4).as_deref(), Ok("targ"));
    assert_eq!(guest.readlink(ROOT, "link", 0).as_deref(), Ok(""));
    assert_eq!(guest.stat(ROOT, "link", false).map(|stat| stat.0), Ok(7));
    assert_eq!(guest.stat(ROOT, "link", true), Err(Errno::Noent));
    assert_eq!(guest.symlink("x", ROOT, "link"), Err(Errno::Exist));
    assert_eq!(guest.symlink("x", ROOT, "new/"), Err(Errno::Noent));
    assert_eq!(guest.link((ROOT, "link"), (ROOT, "again")), Ok(()), "the link itself");
    assert_eq!(guest.readlink(ROOT, "again", 9).as_deref(), Ok("target"));
}

#[test]
fn numbers_are_closed_moved_and_used_again() {
    let host = host_dir();
    let mut guest = Guest::with_dir(host.path());
    let first = guest.open(ROOT, "first", CREATE).expect("made");
    let second = guest.open(ROOT, "second", CREATE).expect("made");
    assert_eq!(guest.write(second, b"2"), Ok(1));
    let mut renumber =
        |from, to| guest.call(|ctx, memory| preview1::fd_renumber(ctx, memory, from, to));
    assert_eq!(renumber(second, first), Ok(()));
    assert_eq!(renumber(second, first), Err(Errno::Badf));
    assert_eq!(renumber(first, second), Err(Errno::Badf));
    assert_eq!(renumber(first, u32::MAX), Err(Errno::Badf));
    assert_eq!(renumber(first, first), Ok(()));
    assert_eq!(guest.pread(first, 1, 0), Ok(b"2".to_vec()));
    assert_eq!(guest.close(first), Ok(()));
    assert_eq!(guest.close(first), Err(Errno::Badf));
    assert_eq!(guest.open(ROOT, "first", READ), Ok(first), "the lowest free number");
    assert_eq!(guest.close(ROOT), Ok(()), "granted ones too");
    assert_eq!(guest.open(ROOT, "first", READ), Err(Errno::Badf));
}
