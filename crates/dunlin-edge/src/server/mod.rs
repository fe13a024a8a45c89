//! The server: connections, instances, limits, metrics.
