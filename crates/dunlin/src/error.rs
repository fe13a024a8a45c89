//! The one error of the embedding API: one word, with a kind, a message and a guest's backtrace.
//!
//! Four kinds of failure are never mixed: a module that is not valid, a guest that trapped, a host that
//! failed, and a bug of ours; what an embedder did wrong (a link, a limit, a misuse) has kinds of its own.

use crate::backtrace::Backtrace;
use crate::refs::ExnRef;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::any::Any;
use core::fmt;
use dunlin_core::TrapCode;
use dunlin_module::Invalid;

/// A result whose error is [`Error`] unless it says otherwise.
pub type Result<T, E = Error> = core::result::Result<T, E>;

type HostError = Box<dyn core::error::Error + Send + Sync + 'static>;

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The module is malformed or does not validate; [`Error::offset`] says where.
    Invalid,
    /// An import is missing or of another type, or a definition exists already.
    Link,
    /// The guest trapped; [`Error::trap_code`] says why.
    Trap,
    /// An exception was thrown, and no guest caught it; [`Error::exception`] has it.
    Exception,
    /// A host function, or the world outside, failed; [`Error::downcast_ref`] finds its error.
    Host,
    /// A limit of the store, or the machine, refused memory, a table or an instance.
    Resource,
    /// An artifact of a compiled module is damaged, or was made with another key or for another engine.
    Artifact,
    /// The embedder's call does not make sense: an object of another store, a wrong type or count.
    Usage,
    /// A defect of this engine. Please report it.
    Bug,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "invalid",
            Self::Link => "link",
            Self::Trap => "trap",
            Self::Exception => "exception",
            Self::Host => "host",
            Self::Resource => "resource",
            Self::Artifact => "artifact",
            Self::Usage => "usage",
            Self::Bug => "bug",
        })
    }
}

/// Why an operation of this crate failed.
///
/// `Display` gives the message alone; for a trap it is the text of the specification's test suite.
/// `Debug` gives the message and, below it, the guest's backtrace, as [`Error::report`] does.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, ErrorKind, Instance, Module, Store, TrapCode};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module (func $boom (export "boom") unreachable))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let boom = instance.get_typed_func::<(), ()>(&mut store, "boom")?;
///
/// let error = boom.call(&mut store, ()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Trap);
/// assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
/// assert_eq!(error.to_string(), "unreachable");
/// let frames = error.backtrace().unwrap().frames();
/// assert_eq!(frames[0].func_name(), Some("boom"));
/// # Ok::<(), dunlin::Error>(())
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    cause: Cause,
    backtrace: Option<Backtrace>,
}

enum Cause {
    Invalid(Invalid),
    Trap(TrapCode),
    /// A body that is not valid, found at its first call.
    LazilyInvalid(Invalid, String),
    Exception(ExnRef),
    Host(HostError),
    Message(ErrorKind, String),
}

impl Error {
    #[cold]
    fn new(cause: Cause) -> Self {
        Self(Box::new(Inner { cause, backtrace: None }))
    }

    /// An error of the host: of kind [`ErrorKind::Host`], and found again by [`Error::downcast_ref`].
    ///
    /// # Examples
    ///
    /// ```
    /// #[derive(Debug, PartialEq)]
    /// struct Exit(i32);
    /// impl std::fmt::Display for Exit {
    ///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    ///         write!(f, "exit with {}", self.0)
    ///     }
    /// }
    /// impl std::error::Error for Exit {}
    ///
    /// let error = dunlin::Error::host(Exit(3));
    /// assert_eq!(error.kind(), dunlin::ErrorKind::Host);
    /// assert_eq!(error.downcast_ref::<Exit>(), Some(&Exit(3)));
    /// ```
    #[cold]
    #[must_use]
    pub fn host(error: impl core::error::Error + Send + Sync + 'static) -> Self {
        Self::new(Cause::Host(Box::new(error)))
    }

    /// An error of the host that is only a message.
    #[cold]
    #[must_use]
    pub fn msg(message: impl fmt::Display) -> Self {
        Self::message(ErrorKind::Host, message)
    }

    /// An error of this kind that is only a message: for layers above this one, which raise traps in a guest's
    /// name that no [`TrapCode`] names, or refuse to link.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Error, ErrorKind};
    ///
    /// let error = Error::new_of(ErrorKind::Trap, "unknown handle index 5");
    /// assert_eq!((error.kind(), error.trap_code()), (ErrorKind::Trap, None));
    /// assert_eq!(error.to_string(), "unknown handle index 5");
    /// ```
    #[cold]
    #[must_use]
    pub fn new_of(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self::message(kind, message)
    }

    /// An error of kind [`ErrorKind::Invalid`], with the offset that [`Error::offset`] gives.
    #[cold]
    #[must_use]
    pub fn invalid_at(message: impl fmt::Display, offset: u64) -> Self {
        Self::invalid(Invalid::new(message.to_string(), offset))
    }

    /// This error, with another offset if it has one: of a module that is part of something, in that.
    #[must_use]
    pub fn with_offset(mut self, offset: u64) -> Self {
        if let Cause::Invalid(invalid) = &self.0.cause {
            self.0.cause = Cause::Invalid(Invalid::new(invalid.message(), offset));
        }
        self
    }

    #[cold]
    pub(crate) fn message(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self::new(Cause::Message(kind, message.to_string()))
    }

    #[cold]
    pub(crate) fn link(message: impl fmt::Display) -> Self {
        Self::message(ErrorKind::Link, message)
    }

    #[cold]
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::message(ErrorKind::Usage, message)
    }

    #[cold]
    pub(crate) fn resource(message: impl fmt::Display) -> Self {
        Self::message(ErrorKind::Resource, message)
    }

    #[cfg(feature = "optimize")]
    #[cold]
    pub(crate) fn artifact(why: impl fmt::Display) -> Self {
        Self::message(ErrorKind::Artifact, format_args!("the artifact is refused: {why}"))
    }

    #[cold]
    pub(crate) fn bug(message: impl fmt::Display) -> Self {
        debug_assert!(false, "bug: {message}");
        Self::message(ErrorKind::Bug, message)
    }

    /// A defect that has shown itself already, by a panic that ended a guest.
    #[cold]
    pub(crate) fn shown_bug(what: impl fmt::Display) -> Self {
        Self::message(ErrorKind::Bug, what)
    }

    #[cold]
    pub(crate) fn invalid(invalid: Invalid) -> Self {
        Self::new(Cause::Invalid(invalid))
    }

    /// A trap at the first call of a function that is not valid.
    #[cold]
    pub(crate) fn lazily_invalid(invalid: Invalid, function: String) -> Self {
        Self::new(Cause::LazilyInvalid(invalid, function))
    }

    /// An exception.
    #[cold]
    pub(crate) fn thrown(exception: ExnRef) -> Self {
        Self::new(Cause::Exception(exception))
    }

    /// An object was used with a store that is not its own.
    #[cold]
    pub(crate) fn other_store(what: &str) -> Self {
        Self::usage(format_args!("{what} belongs to another store"))
    }

    /// An object was used that is not there any more.
    #[cold]
    pub(crate) fn removed(what: &str) -> Self {
        Self::usage(format_args!("{what} is gone: its instance has been removed"))
    }

    /// An object was used with an engine that is not its own.
    #[cold]
    pub(crate) fn other_engine(what: &str) -> Self {
        Self::usage(format_args!("{what} belongs to another engine"))
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match &self.0.cause {
            Cause::Invalid(_) => ErrorKind::Invalid,
            Cause::Trap(_) | Cause::LazilyInvalid(..) => ErrorKind::Trap,
            Cause::Exception(_) => ErrorKind::Exception,
            Cause::Host(_) => ErrorKind::Host,
            Cause::Message(kind, _) => *kind,
        }
    }

    /// Why the guest trapped, if it did.
    #[must_use]
    pub fn trap_code(&self) -> Option<TrapCode> {
        match &self.0.cause {
            Cause::Trap(code) => Some(*code),
            Cause::LazilyInvalid(..) => Some(TrapCode::InvalidFunction),
            _ => None,
        }
    }

    /// The exception that no guest has caught, or that the host throws, if this is one.
    #[must_use]
    pub fn exception(&self) -> Option<ExnRef> {
        match &self.0.cause {
            Cause::Exception(exception) => Some(*exception),
            _ => None,
        }
    }

    /// Where in the module's bytes it is not valid, if that is what failed.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        match &self.0.cause {
            Cause::Invalid(invalid) | Cause::LazilyInvalid(invalid, _) => Some(invalid.offset()),
            _ => None,
        }
    }

    /// The guest's frames at the failure, if a guest was running.
    #[must_use]
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.0.backtrace.as_ref()
    }

    /// The host's error, if it is of this type; a trap gives its [`TrapCode`].
    #[must_use]
    pub fn downcast_ref<E: core::error::Error + Send + Sync + 'static>(&self) -> Option<&E> {
        match &self.0.cause {
            Cause::Host(error) => error.downcast_ref(),
            Cause::Trap(code) => (code as &dyn Any).downcast_ref(),
            _ => None,
        }
    }

    /// The host's error by value, if it is of this type.
    ///
    /// # Errors
    ///
    /// This error unchanged, if it is not.
    pub fn downcast<E: core::error::Error + Send + Sync + 'static>(self) -> Result<E> {
        if self.downcast_ref::<E>().is_none() {
            return Err(self);
        }
        let Inner { cause, backtrace } = *self.0;
        match cause {
            Cause::Host(error) => match error.downcast() {
                Ok(error) => Ok(*error),
                Err(error) => Err(Self(Box::new(Inner { cause: Cause::Host(error), backtrace }))),
            },
            cause => Err(Self(Box::new(Inner { cause, backtrace }))),
        }
    }

    /// Whether the host's error is of this type; a trap is a [`TrapCode`].
    #[must_use]
    pub fn is<E: core::error::Error + Send + Sync + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The message and the backtrace, ready to print over several lines.
    pub fn report(&self) -> impl fmt::Display + '_ {
        Report(self)
    }

    /// Adds frames that lie outside of those that are known already.
    pub(crate) fn add_frames(&mut self, outer: Backtrace) {
        match &mut self.0.backtrace {
            Some(inner) => inner.append(outer),
            none => *none = Some(outer),
        }
    }
}

struct Report<'a>(&'a Error);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)?;
        match self.0.backtrace() {
            Some(backtrace) if !backtrace.frames().is_empty() => {
                write!(f, "\nbacktrace, innermost first:\n{backtrace}")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Cause::Invalid(invalid) => invalid.fmt(f),
            Cause::Trap(code) => f.write_str(code.text()),
            Cause::LazilyInvalid(invalid, function) => {
                write!(f, "{} of {function}: {invalid}", TrapCode::InvalidFunction.text())
            }
            Cause::Exception(_) => f.write_str("uncaught exception"),
            Cause::Host(error) => error.fmt(f),
            Cause::Message(ErrorKind::Bug, message) => {
                write!(f, "bug in dunlin, please report it: {message}")
            }
            Cause::Message(_, message) => f.write_str(message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.report(), f)
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.0.cause {
            // The message is the host error's own, so what caused it comes next.
            Cause::Host(error) => error.source(),
            _ => None,
        }
    }
}

impl From<TrapCode> for Error {
    /// A trap that the host raises in the guest's name.
    #[cold]
    fn from(code: TrapCode) -> Self {
        Self::new(Cause::Trap(code))
    }
}

impl From<HostError> for Error {
    #[cold]
    fn from(error: HostError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self::new(Cause::Host(error)),
        }
    }
}

impl From<core::convert::Infallible> for Error {
    fn from(never: core::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(feature = "std")]
impl From<std::io::Error> for Error {
    #[cold]
    fn from(error: std::io::Error) -> Self {
        Self::host(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn a_boxed_error_of_ours_keeps_its_kind() {
        let boxed: HostError = Box::new(Error::from(TrapCode::IntegerOverflow));
        let error = Error::from(boxed);
        assert_eq!(error.kind(), ErrorKind::Trap);
        assert_eq!(error.downcast_ref::<TrapCode>(), Some(&TrapCode::IntegerOverflow));
    }

    #[test]
    fn the_hosts_error_comes_back_by_value() {
        let error = Error::host(TrapCode::Unreachable);
        assert_eq!(error.kind(), ErrorKind::Host);
        let error = error.downcast::<fmt::Error>().unwrap_err();
        assert_eq!(error.downcast::<TrapCode>().unwrap(), TrapCode::Unreachable);
    }
}
