//! Redis.
mod url;
pub use url::RedisUrl;
