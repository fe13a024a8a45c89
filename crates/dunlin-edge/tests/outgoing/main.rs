//! The client of guests over real sockets: servers that behave, servers that do not, and what must not be reached.

mod hostile;
mod ordinary;
mod reach;
mod servers;
