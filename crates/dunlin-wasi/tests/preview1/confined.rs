//! Rights: a read-only directory is changed by no call and by no way round, and rights given up stay
//! given up.

use std::fs;

use dunlin_wasi::types::{Abi, FdFlags, OFlags, Rights};
use dunlin_wasi::{DirRights, Errno, preview1};
use tempfile::TempDir;

use crate::guest::{CREATE, DIRECTORY, Guest, How, OTHER, READ, ROOT, WRITE, granting, host_dir};

/// Two directories, `ro` granted to look at as 3 and `rw` granted to change as 4.
fn two_sides() -> (TempDir, Guest) {
    let host = host_dir();
    for side in ["ro", "rw"] {
        fs::create_dir_all(host.path().join(side).join("dir/empty")).expect("a directory");
        fs::write(host.path().join(side).join("file"), side).expect("a file");
    }
    std::os::unix::fs::symlink("file", host.path().join("ro/link")).expect("a link");
    let mut builder = granting(&host.path().join("ro"), DirRights::ReadOnly);
    builder.preopened_dir(host.path().join("rw"), "/rw", DirRights::ReadWrite).expect("granted");
    (host, Guest::new(builder))
}

/// Checks that the read-only side is as it was made.
fn unchanged(host: &TempDir) {
    let side = host.path().join("ro");
    assert_eq!(fs::read(side.join("file")).expect("still there"), b"ro");
    let modified = fs::metadata(side.join("file")).and_then(|data| data.modified());
    let age = modified.expect("a time").elapsed().expect("a time before now");
    assert!(age.as_secs() < 3600, "its time was set");
    let mut names: Vec<_> = fs::read_dir(&side)
        .expect("still there")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["dir", "file", "link"]);
    assert!(side.join("dir/empty").is_dir());
}

#[test]
fn a_read_only_directory_can_be_looked_at() {
    let (_host, mut guest) = two_sides();
    let fd = guest.open(ROOT, "file", READ).expect("to read");
    assert_eq!(guest.read(fd, 10), Ok(b"ro".to_vec()));
    assert_eq!(guest.stat(ROOT, "link", true), Ok((4, 2)));
    assert_eq!(guest.readlink(ROOT, "link", 10).as_deref(), Ok("file"));
    let dir = guest.open(ROOT, "dir", DIRECTORY).expect("a directory");
    assert!(guest.readdir(dir, 512, 0).is_ok());
}

#[test]
fn a_read_only_directory_is_not_changed_by_path() {
    let (host, mut guest) = two_sides();
    let refused = Err(Errno::Rofs);
    assert_eq!(guest.mkdir(ROOT, "made"), refused);
    assert_eq!(guest.rmdir(ROOT, "dir/empty"), refused);
    assert_eq!(guest.unlink(ROOT, "file"), refused);
    assert_eq!(guest.symlink("file", ROOT, "made"), refused);
    assert_eq!(guest.set_times(ROOT, "file", true), refused);
    assert_eq!(guest.set_times(ROOT, "link", false), refused);
    assert_eq!(guest.rename((ROOT, "file"), (ROOT, "made")), refused);
    assert_eq!(guest.link((ROOT, "file"), (ROOT, "made")), refused);
    let inner = guest.open(ROOT, "dir", DIRECTORY).expect("a directory");
    assert_eq!(guest.mkdir(inner, "made"), refused, "below it");
    assert_eq!(guest.rmdir(inner, "empty"), refused, "below it");
    unchanged(&host);
}

#[test]
fn a_read_only_directory_is_not_changed_by_opening() {
    let (host, mut guest) = two_sides();
    let wanted = [
        WRITE,
        CREATE,
        How { oflags: OFlags::TRUNC, ..WRITE },
        How { oflags: OFlags::TRUNC, ..READ },
        How { oflags: OFlags::TRUNC, base: Rights::NONE, ..READ },
        How { oflags: OFlags::CREAT, ..READ },
        How { oflags: OFlags::CREAT.or(OFlags::EXCL), base: Rights::NONE, ..READ },
        How { flags: FdFlags::APPEND, ..WRITE },
        How { base: Rights::FD_WRITE, ..READ },
        How { base: Rights::ALL, ..READ },
    ];
    for how in wanted {
        for path in ["file", "link", "made"] {
            assert_eq!(guest.open(ROOT, path, how), Err(Errno::Rofs), "{path} {how:?}");
        }
    }
    unchanged(&host);
}

#[test]
fn a_read_only_directory_is_not_changed_by_descriptor() {
    let (host, mut guest) = two_sides();
    let how = How { base: Rights::ALL.without(Rights::FD_WRITE), ..READ };
    let file = guest.open(ROOT, "file", how).expect("to read");
    assert_eq!(guest.write(file, b"x"), Err(Errno::Badf));
    assert_eq!(guest.pwrite(file, b"x", 0), Err(Errno::Badf));
    let refused = Err(Errno::Rofs);
    let answer = guest.call(|ctx, memory| preview1::fd_filestat_set_size(ctx, memory, file, 0));
    assert_eq!(answer, refused);
    let answer = guest.call(|ctx, memory| preview1::fd_allocate(ctx, memory, file, 0, 100));
    assert_eq!(answer, refused);
    for fd in [file, ROOT] {
        let answer =
            guest.call(|ctx, memory| preview1::fd_filestat_set_times(ctx, memory, fd, 1, 1, 5));
        assert_eq!(answer, refused);
    }
    unchanged(&host);
}

#[test]
fn no_way_round_through_a_directory_that_may_be_changed() {
    let (host, mut guest) = two_sides();
    let refused = Err(Errno::Rofs);
    // A hard link would open the read-only file to be written under the other name.
    assert_eq!(guest.link((ROOT, "file"), (OTHER, "taken")), refused);
    assert_eq!(guest.link((OTHER, "file"), (ROOT, "made")), refused);
    assert_eq!(guest.rename((ROOT, "file"), (OTHER, "taken")), refused);
    assert_eq!(guest.rename((ROOT, "dir"), (OTHER, "taken")), refused);
    assert_eq!(guest.rename((OTHER, "file"), (ROOT, "file")), refused);
    assert_eq!(guest.rename((OTHER, "file"), (ROOT, "made")), refused);
    // A link across is judged beneath the directory it lies in, and leads out of that.
    assert_eq!(guest.symlink("../ro/file", OTHER, "across"), Ok(()));
    assert_eq!(guest.open(OTHER, "across", WRITE), Err(Errno::Notcapable));
    unchanged(&host);
    assert_eq!(guest.rename((OTHER, "file"), (OTHER, "moved")), Ok(()), "the other side may");
}

#[test]
fn renumbering_moves_no_rights() {
    let (host, mut guest) = two_sides();
    // The read-only directory takes the number of the other one, and stays read-only.
    let answer = guest.call(|ctx, memory| preview1::fd_renumber(ctx, memory, ROOT, OTHER));
    assert_eq!(answer, Ok(()));
    assert_eq!(guest.mkdir(OTHER, "made"), Err(Errno::Rofs));
    assert_eq!(guest.open(OTHER, "file", WRITE), Err(Errno::Rofs));
    assert_eq!(guest.open(ROOT, "file", READ), Err(Errno::Badf));
    // It is still told of as granted, under its own name and its new number.
    let answer = guest.call(|ctx, memory| preview1::fd_prestat_get(ctx, memory, OTHER, 64));
    assert_eq!((answer, guest.u32_at(68)), (Ok(()), 1));
    unchanged(&host);
}

#[test]
fn the_rights_shown_are_those_that_hold() {
    let (_host, mut guest) = two_sides();
    let (base, _) = guest.rights(ROOT).expect("rights");
    assert!(!base.intersects(Rights::DIRECTORY_CHANGING), "read-only shows no changing");
    let (base, inheriting) = guest.rights(OTHER).expect("rights");
    assert_eq!(base, Rights::DIRECTORY);
    assert_eq!(inheriting, Rights::DIRECTORY.or(Rights::FILE));
    let file = guest.open(OTHER, "file", How { base: Rights::ALL, ..WRITE }).expect("all");
    assert_eq!(guest.rights(file).map(|rights| rights.0), Ok(Rights::FILE));
    let file = guest.open(OTHER, "file", READ).expect("to read");
    assert_eq!(guest.write(file, b"x"), Err(Errno::Badf));
    let file = guest.open(OTHER, "file", How { base: Rights::FD_WRITE, ..WRITE }).expect("write");
    assert_eq!(guest.read(file, 1), Err(Errno::Badf));
    assert_eq!(guest.seek(file, 0, 1), Err(Errno::Notcapable));
}

/// Gives up rights of a descriptor.
fn keep(guest: &mut Guest, fd: u32, base: Rights, inheriting: Rights) -> Result<(), Errno> {
    guest.call(|ctx, memory| {
        preview1::fd_fdstat_set_rights(ctx, memory, fd, base.bits(), inheriting.bits())
    })
}

#[test]
fn rights_given_up_stay_given_up() {
    let (_host, mut guest) = two_sides();
    let (base, inheriting) = guest.rights(OTHER).expect("rights");
    let fewer = base.without(Rights::PATH_UNLINK_FILE.or(Rights::PATH_FILESTAT_SET_SIZE));
    let files = inheriting.without(Rights::FD_WRITE);
    assert_eq!(keep(&mut guest, OTHER, fewer, files), Ok(()));
    assert_eq!(guest.unlink(OTHER, "file"), Err(Errno::Notcapable));
    assert_eq!(guest.open(OTHER, "file", WRITE), Err(Errno::Notcapable));
    let cut = How { oflags: OFlags::TRUNC, ..READ };
    assert_eq!(guest.open(OTHER, "file", cut), Err(Errno::Notcapable));
    assert_eq!(keep(&mut guest, OTHER, base, files), Err(Errno::Notcapable), "taken back");
    assert_eq!(keep(&mut guest, OTHER, fewer, inheriting), Err(Errno::Notcapable), "taken back");
    // Nor does opening the same directory anew bring them back.
    let again = guest.open(OTHER, ".", DIRECTORY).expect("the same directory");
    assert_eq!(guest.open(again, "file", WRITE), Err(Errno::Notcapable));
    assert_eq!(guest.open(again, "file", CREATE), Err(Errno::Notcapable));
}

#[test]
fn every_path_function_asks_for_its_right() {
    let (_host, mut guest) = two_sides();
    assert_eq!(keep(&mut guest, OTHER, Rights::NONE, Rights::NONE), Ok(()));
    let refused = Err(Errno::Notcapable);
    assert_eq!(guest.open(OTHER, "file", READ).map(drop), refused);
    assert_eq!(guest.mkdir(OTHER, "x"), refused);
    assert_eq!(guest.rmdir(OTHER, "x"), refused);
    assert_eq!(guest.unlink(OTHER, "x"), refused);
    assert_eq!(guest.symlink("x", OTHER, "y"), refused);
    assert_eq!(guest.readlink(OTHER, "x", 9).map(drop), refused);
    assert_eq!(guest.rename((OTHER, "file"), (OTHER, "x")), refused);
    assert_eq!(guest.link((OTHER, "file"), (OTHER, "x")), refused);
    assert_eq!(guest.stat(OTHER, "file", true).map(drop), refused);
    assert_eq!(guest.set_times(OTHER, "file", true), refused);
    assert_eq!(guest.readdir(OTHER, 64, 0).map(drop), refused);
    let answer =
        guest.call(|ctx, memory| preview1::fd_filestat_get(Abi::Snapshot1, ctx, memory, OTHER, 64));
    assert_eq!(answer, refused);
    for function in [preview1::fd_sync, preview1::fd_datasync] {
        assert_eq!(guest.call(|ctx, memory| function(ctx, memory, OTHER)), refused);
    }
}

#[test]
fn nothing_is_granted_unasked() {
    let mut guest = Guest::new(dunlin_wasi::WasiCtx::builder());
    assert_eq!(guest.open(ROOT, ".", DIRECTORY), Err(Errno::Badf));
    assert_eq!(guest.read(0, 10), Ok(Vec::new()), "no input");
    assert_eq!(guest.write(1, b"gone"), Ok(4), "output nowhere");
    for sizes in [preview1::args_sizes_get, preview1::environ_sizes_get] {
        assert_eq!(guest.call(|ctx, memory| sizes(ctx, memory, 64, 68)), Ok(()));
        assert_eq!((guest.u32_at(64), guest.u32_at(68)), (0, 0));
    }
}
