//! The error numbers of WASI 0.1, as rows, and how the host's errors become them.
//!
//! `Errno` holds failures only: success is `Ok`, so a handler cannot fail with "success". The code of
//! each row is its position in the specification's list and is what the guest sees.

use std::fmt;
use std::io;

/// Declares `Errno` from rows of `Variant = code, "text"`.
macro_rules! errno_rows {
    ($($variant:ident = $code:literal, $text:literal;)*) => {
        /// Why a WASI function failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Errno {
            $(#[doc = $text] $variant = $code,)*
        }

        impl Errno {
            /// Every failure, in the order of the specification.
            pub const ALL: &'static [Errno] = &[$(Errno::$variant,)*];

            /// What the failure means, in a few words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Errno::$variant => $text,)* }
            }
        }
    };
}

errno_rows! {
    TooBig = 1, "argument list too long";
    Acces = 2, "permission denied";
    Addrinuse = 3, "address in use";
    Addrnotavail = 4, "address not available";
    Afnosupport = 5, "address family not supported";
    Again = 6, "resource unavailable, or the operation would block";
    Already = 7, "connection already in progress";
    Badf = 8, "bad file descriptor";
    Badmsg = 9, "bad message";
    Busy = 10, "device or resource busy";
    Canceled = 11, "operation canceled";
    Child = 12, "no child processes";
    Connaborted = 13, "connection aborted";
    Connrefused = 14, "connection refused";
    Connreset = 15, "connection reset";
    Deadlk = 16, "resource deadlock would occur";
    Destaddrreq = 17, "destination address required";
    Dom = 18, "argument out of the domain of the function";
    Dquot = 19, "disk quota exceeded";
    Exist = 20, "file exists";
    Fault = 21, "bad address";
    Fbig = 22, "file too large";
    Hostunreach = 23, "host is unreachable";
    Idrm = 24, "identifier removed";
    Ilseq = 25, "illegal byte sequence";
    Inprogress = 26, "operation in progress";
    Intr = 27, "interrupted function";
    Inval = 28, "invalid argument";
    Io = 29, "input or output error";
    Isconn = 30, "socket is connected";
    Isdir = 31, "is a directory";
    Loop = 32, "too many levels of symbolic links";
    Mfile = 33, "file descriptor table is full";
    Mlink = 34, "too many links";
    Msgsize = 35, "message too large";
    Multihop = 36, "reserved";
    Nametoolong = 37, "file name too long";
    Netdown = 38, "network is down";
    Netreset = 39, "connection aborted by the network";
    Netunreach = 40, "network unreachable";
    Nfile = 41, "too many files open in the system";
    Nobufs = 42, "no buffer space available";
    Nodev = 43, "no such device";
    Noent = 44, "no such file or directory";
    Noexec = 45, "executable file format error";
    Nolck = 46, "no locks available";
    Nolink = 47, "reserved link";
    Nomem = 48, "not enough space";
    Nomsg = 49, "no message of the desired type";
    Noprotoopt = 50, "protocol not available";
    Nospc = 51, "no space left on device";
    Nosys = 52, "function not supported";
    Notconn = 53, "the socket is not connected";
    Notdir = 54, "not a directory or a symbolic link to a directory";
    Notempty = 55, "directory not empty";
    Notrecoverable = 56, "state not recoverable";
    Notsock = 57, "not a socket";
    Notsup = 58, "not supported, or operation not supported on socket";
    Notty = 59, "inappropriate control operation";
    Nxio = 60, "no such device or address";
    Overflow = 61, "value too large to be stored in data type";
    Ownerdead = 62, "previous owner died";
    Perm = 63, "operation not permitted";
    Pipe = 64, "broken pipe";
    Proto = 65, "protocol error";
    Protonosupport = 66, "protocol not supported";
    Prototype = 67, "protocol wrong type for socket";
    Range = 68, "result too large";
    Rofs = 69, "read-only file system";
    Spipe = 70, "invalid seek";
    Srch = 71, "no such process";
    Stale = 72, "stale file handle";
    Timedout = 73, "connection timed out";
    Txtbsy = 74, "text file busy";
    Xdev = 75, "cross-device link";
    Notcapable = 76, "capabilities insufficient";
}

impl Errno {
    /// The number the guest sees.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text())
    }
}

impl std::error::Error for Errno {}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        if let Some(errno) = error.raw_os_error().and_then(crate::sys::errno_of_raw) {
            return errno;
        }
        // A refusal that no system call made is the sandbox's: a path that would have left the tree.
        if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() {
            return Errno::Notcapable;
        }
        of_kind(error.kind())
    }
}

/// The portable part: what a failure means where the system's own number says nothing to us.
fn of_kind(kind: io::ErrorKind) -> Errno {
    use io::ErrorKind as Kind;
    match kind {
        Kind::NotFound => Errno::Noent,
        Kind::PermissionDenied => Errno::Acces,
        Kind::AlreadyExists => Errno::Exist,
        Kind::WouldBlock => Errno::Again,
        Kind::NotADirectory => Errno::Notdir,
        Kind::IsADirectory => Errno::Isdir,
        Kind::DirectoryNotEmpty => Errno::Notempty,
        Kind::ReadOnlyFilesystem => Errno::Rofs,
        Kind::InvalidInput | Kind::InvalidFilename => Errno::Inval,
        Kind::InvalidData => Errno::Ilseq,
        Kind::TimedOut => Errno::Timedout,
        Kind::StorageFull => Errno::Nospc,
        Kind::NotSeekable => Errno::Spipe,
        Kind::QuotaExceeded => Errno::Dquot,
        Kind::FileTooLarge => Errno::Fbig,
        Kind::ResourceBusy => Errno::Busy,
        Kind::ExecutableFileBusy => Errno::Txtbsy,
        Kind::Deadlock => Errno::Deadlk,
        Kind::CrossesDevices => Errno::Xdev,
        Kind::TooManyLinks => Errno::Mlink,
        Kind::ArgumentListTooLong => Errno::TooBig,
        Kind::Interrupted => Errno::Intr,
        Kind::Unsupported => Errno::Notsup,
        Kind::OutOfMemory => Errno::Nomem,
        Kind::BrokenPipe => Errno::Pipe,
        Kind::StaleNetworkFileHandle => Errno::Stale,
        _ => Errno::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_numbered_from_one_without_gaps() {
        for (index, errno) in Errno::ALL.iter().enumerate() {
            assert_eq!(usize::from(errno.code()), index + 1, "{errno:?}");
        }
        assert_eq!(Errno::ALL.len(), 76);
    }

    #[test]
    fn a_refusal_without_a_system_call_is_the_sandbox() {
        let escape = io::Error::new(io::ErrorKind::PermissionDenied, "left the tree");
        assert_eq!(Errno::from(escape), Errno::Notcapable);
        assert_eq!(Errno::from(io::Error::from(io::ErrorKind::NotFound)), Errno::Noent);
    }
}
