//! Where apps keep values: an embedded store, or Redis.
