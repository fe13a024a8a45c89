//! The failures of `wasi:filesystem`, and what they are for each of WASI 0.1.

use dunlin_component::enumeration;

use crate::errno::Errno;

enumeration! {
    /// Why a function of `wasi:filesystem` failed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum ErrorCode {
        Access => "access",
        WouldBlock => "would-block",
        Already => "already",
        BadDescriptor => "bad-descriptor",
        Busy => "busy",
        Deadlock => "deadlock",
        Quota => "quota",
        Exist => "exist",
        FileTooLarge => "file-too-large",
        IllegalByteSequence => "illegal-byte-sequence",
        InProgress => "in-progress",
        Interrupted => "interrupted",
        Invalid => "invalid",
        Io => "io",
        IsDirectory => "is-directory",
        Loop => "loop",
        TooManyLinks => "too-many-links",
        MessageSize => "message-size",
        NameTooLong => "name-too-long",
        NoDevice => "no-device",
        NoEntry => "no-entry",
        NoLock => "no-lock",
        InsufficientMemory => "insufficient-memory",
        InsufficientSpace => "insufficient-space",
        NotDirectory => "not-directory",
        NotEmpty => "not-empty",
        NotRecoverable => "not-recoverable",
        Unsupported => "unsupported",
        NoTty => "no-tty",
        NoSuchDevice => "no-such-device",
        Overflow => "overflow",
        NotPermitted => "not-permitted",
        Pipe => "pipe",
        ReadOnly => "read-only",
        InvalidSeek => "invalid-seek",
        TextFileBusy => "text-file-busy",
        CrossDevice => "cross-device",
    }
}

/// Pairs the failures of WASI 0.1 with ours.
macro_rules! rows {
    ($($errno:ident => $code:ident;)*) => {
        impl From<Errno> for ErrorCode {
            fn from(errno: Errno) -> ErrorCode {
                match errno {
                    $(Errno::$errno => ErrorCode::$code,)*
                    _ => ErrorCode::Io,
                }
            }
        }
    };
}

rows! {
    Acces => Access; Again => WouldBlock; Already => Already; Badf => BadDescriptor; Busy => Busy;
    Deadlk => Deadlock; Dquot => Quota; Exist => Exist; Fbig => FileTooLarge;
    Ilseq => IllegalByteSequence; Inprogress => InProgress; Intr => Interrupted; Inval => Invalid;
    Isdir => IsDirectory; Loop => Loop; Mlink => TooManyLinks; Msgsize => MessageSize;
    Nametoolong => NameTooLong; Nodev => NoDevice; Noent => NoEntry; Nolck => NoLock;
    Nomem => InsufficientMemory; Mfile => InsufficientMemory; Nfile => InsufficientMemory;
    Nospc => InsufficientSpace; Notdir => NotDirectory; Notempty => NotEmpty;
    Notrecoverable => NotRecoverable; Notsup => Unsupported; Nosys => Unsupported; Notty => NoTty;
    Nxio => NoSuchDevice; Overflow => Overflow; Perm => NotPermitted; Notcapable => NotPermitted;
    Pipe => Pipe; Rofs => ReadOnly; Spipe => InvalidSeek; Txtbsy => TextFileBusy; Xdev => CrossDevice;
}
