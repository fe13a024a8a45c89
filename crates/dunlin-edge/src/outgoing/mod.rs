//! HTTP requests of apps to others: which hosts, over which connections.
