//! Leaving a granted directory: every way in is tried by every function that takes a path, and none
//! leads out.
//!
//! The host's tree is `box/` (granted) beside `outside/secret`; a case that escaped would read, change
//! or remove something there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use dunlin_wasi::Errno;
use tempfile::TempDir;

use crate::guest::{CREATE, DIRECTORY, Guest, How, READ, ROOT, WRITE, host_dir};

/// What `outside/secret` holds.
const SECRET: &[u8] = b"secret";

/// The host's tree and a guest granted `box/` of it.
struct Tree {
    host: TempDir,
    guest: Guest,
}

impl Tree {
    fn new() -> Tree {
        let host = host_dir();
        for dir in ["box/dir/deep", "outside/empty"] {
            fs::create_dir_all(host.path().join(dir)).expect("a directory");
        }
        fs::write(host.path().join("outside/secret"), SECRET).expect("a file");
        fs::write(host.path().join("box/file"), b"mine").expect("a file");
        let guest = Guest::with_dir(&host.path().join("box"));
        Tree { host, guest }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.host.path().join(path)
    }

    /// Makes a link that the guest could not make itself.
    fn plant(&self, target: impl AsRef<std::path::Path>, at: &str) {
        symlink(target, self.path("box").join(at)).expect("a link");
    }

    /// Tries every function on a path that leads to `outside/secret` or its directory.
    fn refuses(&mut self, secret: &str, dir: &str) {
        let guest = &mut self.guest;
        let mut answers = Vec::new();
        for how in [READ, WRITE, CREATE, How { follow: false, ..READ }] {
            answers.push(("open", guest.open(ROOT, secret, how).map(drop)));
        }
        answers.push(("open directory", guest.open(ROOT, dir, DIRECTORY).map(drop)));
        answers.push(("open to cut", {
            let how = How { oflags: dunlin_wasi::types::OFlags::TRUNC, ..WRITE };
            guest.open(ROOT, secret, how).map(drop)
        }));
        answers.push(("stat", guest.stat(ROOT, secret, true).map(drop)));
        answers.push(("times", guest.set_times(ROOT, secret, true)));
        answers.push(("unlink", guest.unlink(ROOT, secret)));
        answers.push(("rmdir", guest.rmdir(ROOT, &format!("{dir}/empty"))));
        answers.push(("mkdir", guest.mkdir(ROOT, &format!("{dir}/made"))));
        answers.push(("symlink", guest.symlink("x", ROOT, &format!("{dir}/made"))));
        answers.push(("readlink", guest.readlink(ROOT, secret, 64).map(drop)));
        answers.push(("rename from", guest.rename((ROOT, secret), (ROOT, "taken"))));
        answers.push(("rename to", guest.rename((ROOT, "file"), (ROOT, &format!("{dir}/made")))));
        answers.push(("link from", guest.link((ROOT, secret), (ROOT, "taken"))));
        answers.push(("link to", guest.link((ROOT, "file"), (ROOT, &format!("{dir}/made")))));
        for (what, answer) in answers {
            assert_eq!(answer, Err(Errno::Notcapable), "{what} of {secret:?}");
        }
        self.untouched();
    }

    /// Checks that nothing outside has changed.
    fn untouched(&self) {
        assert_eq!(fs::read(self.path("outside/secret")).expect("still there"), SECRET);
        let mut names: Vec<_> = fs::read_dir(self.path("outside"))
            .expect("still there")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["empty", "secret"]);
        assert_eq!(fs::read(self.path("box/file")).expect("still there"), b"mine");
    }
}

#[test]
fn parents() {
    let mut tree = Tree::new();
    tree.refuses("../outside/secret", "../outside");
    tree.refuses("dir/../../outside/secret", "dir/../../outside");
    tree.refuses("dir/deep/../../../outside/secret", "./dir/deep/../../../outside");
    tree.refuses(".././outside//secret", "..//outside");
}

#[test]
fn parents_of_an_inner_descriptor() {
    let mut tree = Tree::new();
    let inner = tree.guest.open(ROOT, "dir", DIRECTORY).expect("inside");
    assert_eq!(tree.guest.open(inner, "../file", READ), Err(Errno::Notcapable));
    assert_eq!(tree.guest.open(inner, "..", DIRECTORY), Err(Errno::Notcapable));
    assert!(tree.guest.open(inner, "deep/../deep", DIRECTORY).is_ok());
}

#[test]
fn absolute_paths() {
    let mut tree = Tree::new();
    let dir = tree.path("outside").display().to_string();
    let secret = format!("{dir}/secret");
    tree.refuses(&secret, &dir);
    assert_eq!(tree.guest.open(ROOT, "/file", READ), Err(Errno::Notcapable));
    assert_eq!(tree.guest.open(ROOT, "/", DIRECTORY), Err(Errno::Notcapable));
}

#[test]
fn links_out_through_a_directory() {
    let mut tree = Tree::new();
    tree.plant("../outside", "relative");
    tree.plant(tree.path("outside"), "absolute");
    tree.plant("dir/../../outside", "winding");
    for link in ["relative", "absolute", "winding"] {
        tree.refuses(&format!("{link}/secret"), &format!("{link}/."));
        tree.refuses(&format!("dir/../{link}/secret"), &format!("{link}/empty/.."));
    }
}

#[test]
fn links_out_in_the_last_place_are_not_followed_out() {
    let mut tree = Tree::new();
    tree.plant("../outside/secret", "secret");
    tree.plant("../outside/new", "new");
    let guest = &mut tree.guest;
    for how in [READ, WRITE, CREATE] {
        assert_eq!(guest.open(ROOT, "secret", how), Err(Errno::Notcapable));
    }
    assert_eq!(guest.open(ROOT, "new", CREATE), Err(Errno::Notcapable), "made through a link");
    assert_eq!(guest.stat(ROOT, "secret", true), Err(Errno::Notcapable));
    assert_eq!(guest.set_times(ROOT, "secret", true), Err(Errno::Notcapable));
    let unfollowed = How { follow: false, ..READ };
    assert_eq!(guest.open(ROOT, "secret", unfollowed), Err(Errno::Loop));
    // Times of the link itself, and removing it, leave what it points to alone.
    assert_eq!(guest.set_times(ROOT, "secret", false), Ok(()));
    assert_eq!(guest.unlink(ROOT, "secret"), Ok(()));
    tree.untouched();
}

#[test]
fn links_of_links_out() {
    let mut tree = Tree::new();
    tree.plant("../outside", "a");
    tree.plant("a", "b");
    tree.plant("dir/../b", "c");
    tree.plant("deep/../../c", "dir/d");
    tree.refuses("dir/d/secret", "dir/d/.");
}

#[test]
fn links_that_guests_make() {
    let mut tree = Tree::new();
    let absolute = tree.path("outside").display().to_string();
    assert_eq!(tree.guest.symlink(&absolute, ROOT, "made"), Err(Errno::Notcapable));
    // Where a relative link points is judged when it is followed.
    assert_eq!(tree.guest.symlink("../outside", ROOT, "made"), Ok(()));
    tree.refuses("made/secret", "made/.");
    assert_eq!(tree.guest.rename((ROOT, "made"), (ROOT, "dir/made")), Ok(()));
    // One deeper the same text stays inside, and names nothing.
    assert_eq!(tree.guest.open(ROOT, "dir/made/secret", READ), Err(Errno::Noent));
    assert_eq!(tree.guest.rename((ROOT, "dir/made"), (ROOT, "made")), Ok(()));
    tree.refuses("made/secret", "made/.");
}

#[test]
fn a_slash_after_a_link() {
    let mut tree = Tree::new();
    tree.plant("../outside", "out");
    tree.plant("../outside/secret", "secret");
    tree.plant("file", "inside");
    let guest = &mut tree.guest;
    for follow in [true, false] {
        for how in [READ, DIRECTORY] {
            let how = How { follow, ..how };
            assert_eq!(guest.open(ROOT, "out/", how), Err(Errno::Notcapable), "{how:?}");
        }
        assert_eq!(guest.stat(ROOT, "out/", follow), Err(Errno::Notcapable));
        assert_eq!(guest.set_times(ROOT, "out/", follow), Err(Errno::Notcapable));
        assert_eq!(guest.stat(ROOT, "inside/", follow), Err(Errno::Notdir));
    }
    assert!(guest.unlink(ROOT, "out/").is_err());
    assert!(guest.rmdir(ROOT, "out/").is_err());
    assert!(guest.rmdir(ROOT, "out").is_err());
    assert!(guest.mkdir(ROOT, "out/").is_err());
    assert!(guest.unlink(ROOT, "secret/").is_err());
    assert!(guest.link((ROOT, "out/"), (ROOT, "taken")).is_err());
    assert!(guest.link((ROOT, "secret/"), (ROOT, "taken")).is_err());
    assert!(guest.link((ROOT, "file"), (ROOT, "out/")).is_err());
    assert!(guest.readlink(ROOT, "out/", 64).is_err());
    assert_eq!(guest.rename((ROOT, "out/"), (ROOT, "taken")), Err(Errno::Notdir));
    assert_eq!(guest.rename((ROOT, "file"), (ROOT, "out/")), Err(Errno::Notdir));
    assert_eq!(guest.rename((ROOT, "file"), (ROOT, "new/")), Err(Errno::Notdir));
    assert!(guest.rename((ROOT, "dir"), (ROOT, "out/")).is_err());
    assert!(fs::symlink_metadata(tree.path("box/out")).expect("still there").is_symlink());
    tree.untouched();
}

#[test]
fn a_slash_after_a_file() {
    let mut tree = Tree::new();
    let guest = &mut tree.guest;
    assert_eq!(guest.open(ROOT, "file/", READ), Err(Errno::Notdir));
    assert_eq!(guest.open(ROOT, "file///", READ), Err(Errno::Notdir));
    assert_eq!(guest.open(ROOT, "file/.", READ), Err(Errno::Notdir));
    assert_eq!(guest.unlink(ROOT, "file/"), Err(Errno::Notdir));
    assert_eq!(guest.rmdir(ROOT, "file/"), Err(Errno::Notdir));
    assert_eq!(guest.rename((ROOT, "file/"), (ROOT, "moved")), Err(Errno::Notdir));
    assert!(guest.open(ROOT, "new/", CREATE).is_err());
    tree.untouched();
}

#[test]
fn loops_of_links() {
    let mut tree = Tree::new();
    tree.plant("self", "self");
    tree.plant("pong", "ping");
    tree.plant("ping", "pong");
    tree.plant("into/deep", "into");
    let guest = &mut tree.guest;
    for path in ["self", "ping", "into", "self/x", "ping/x/y"] {
        assert_eq!(guest.open(ROOT, path, READ), Err(Errno::Loop), "{path}");
        assert_eq!(guest.open(ROOT, path, CREATE), Err(Errno::Loop), "{path}");
        assert_eq!(guest.stat(ROOT, path, true), Err(Errno::Loop), "{path}");
        assert_eq!(guest.mkdir(ROOT, &format!("{path}/made")), Err(Errno::Loop), "{path}");
    }
}

#[test]
fn a_chain_of_links_ends() {
    let mut tree = Tree::new();
    tree.plant("file", "link0");
    for number in 1..200 {
        tree.plant(format!("link{}", number - 1), &format!("link{number}"));
    }
    assert!(tree.guest.open(ROOT, "link10", READ).is_ok());
    assert_eq!(tree.guest.open(ROOT, "link199", READ), Err(Errno::Loop));
}

#[test]
fn moving_a_directory_that_is_open() {
    let mut tree = Tree::new();
    let inner = tree.guest.open(ROOT, "dir/deep", DIRECTORY).expect("inside");
    assert_eq!(tree.guest.rename((ROOT, "dir/deep"), (ROOT, "deep")), Ok(()));
    assert_eq!(tree.guest.open(inner, "../file", READ), Err(Errno::Notcapable));
    assert_eq!(tree.guest.open(inner, "../../outside/secret", READ), Err(Errno::Notcapable));
    assert!(tree.guest.rename((ROOT, "deep"), (inner, "deeper")).is_err());
}

#[test]
fn the_granted_directory_itself_stays() {
    let mut tree = Tree::new();
    let guest = &mut tree.guest;
    assert!(guest.rmdir(ROOT, ".").is_err());
    assert!(guest.rmdir(ROOT, "dir/..").is_err());
    assert!(guest.unlink(ROOT, ".").is_err());
    assert!(guest.rename((ROOT, "."), (ROOT, "dir/box")).is_err());
    assert!(guest.rename((ROOT, "dir"), (ROOT, ".")).is_err());
    assert_eq!(guest.rename((ROOT, ".."), (ROOT, "taken")), Err(Errno::Notcapable));
    tree.untouched();
}
