//! Connections to one server, each used by one at a time, and kept for the next.
//!
//! A command is a task of the runtime's, and not of whoever asks: a guest that is ended while it waits leaves no answer
//! behind that the next would read. A connection goes back only after all answers have come.

use super::super::StoreError;
use super::super::limits::{REDIS_CONNECT_MS_MAX, REDIS_CONNECTIONS_MAX, REDIS_IDLE_MAX};
use super::protocol::{self, Value};
use super::stream::{self, Stream};
use super::url::RedisUrl;
use rustls::ClientConfig;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Connections to one server.
pub(super) struct Pool {
    url: RedisUrl,
    /// Whom to trust, if the server has TLS; why nobody can be.
    trusted: Result<Option<Arc<ClientConfig>>, String>,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

type Connection = BufReader<Stream>;

/// A command: its name and arguments.
pub(super) type Command = Vec<Vec<u8>>;

impl Pool {
    pub(super) fn new(url: RedisUrl) -> Self {
        let trusted = stream::trusted(&url);
        let permits = Semaphore::new(REDIS_CONNECTIONS_MAX);
        Self { url, trusted, idle: Mutex::default(), permits }
    }

    /// Sends commands at once and receives their answers, one for each.
    ///
    /// # Errors
    ///
    /// If that fails or takes too long. An answer that is an error is none of these.
    pub(super) async fn send(
        &self,
        commands: &[Command],
        ms_max: u64,
    ) -> Result<Vec<Value>, StoreError> {
        let sent = timeout(Duration::from_millis(ms_max), self.send_slowly(commands)).await;
        sent.map_err(|_| self.failed(format_args!("no answer within {ms_max} ms")))?
    }

    async fn send_slowly(&self, commands: &[Command]) -> Result<Vec<Value>, StoreError> {
        let _permit = self.permits.acquire().await.map_err(StoreError::failed)?;
        let mut connection = match self.take_idle() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let answers = talk(&mut connection, commands).await.map_err(|error| self.name(error))?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < REDIS_IDLE_MAX {
            idle.push(connection);
        }
        Ok(answers)
    }

    /// A connection that the server has not closed meanwhile, and on which it says nothing that nobody has asked.
    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut connection = idle.pop()?;
            if connection.buffer().is_empty() && connection.get_mut().is_quiet() {
                return Some(connection);
            }
        }
    }

    async fn connect(&self) -> Result<Connection, StoreError> {
        let trusted = self.trusted.as_ref().map_err(|why| self.failed(why))?;
        let connecting = Stream::connect(&self.url, trusted.as_ref());
        let connected = timeout(Duration::from_millis(REDIS_CONNECT_MS_MAX), connecting).await;
        let stream = connected
            .map_err(|_| {
                self.failed(format_args!("no connection within {REDIS_CONNECT_MS_MAX} ms"))
            })?
            .map_err(|error| self.failed(error))?;
        let mut connection = BufReader::new(stream);
        let mut commands: Vec<Command> = Vec::new();
        if let Some(password) = &self.url.password {
            let mut command = vec![b"AUTH".to_vec()];
            command.extend(self.url.user.as_ref().map(|user| user.clone().into_bytes()));
            command.push(password.clone().into_bytes());
            commands.push(command);
        }
        if self.url.database != 0 {
            commands.push(vec![b"SELECT".to_vec(), self.url.database.to_string().into_bytes()]);
        }
        for answer in talk(&mut connection, &commands).await.map_err(|error| self.name(error))? {
            if let Value::Error(why) = answer {
                return Err(self.failed(why));
            }
        }
        Ok(connection)
    }

    #[cold]
    fn failed(&self, why: impl std::fmt::Display) -> StoreError {
        StoreError::failed(format_args!("{}: {why}", self.url))
    }

    /// An error with the server's name.
    #[cold]
    fn name(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Failed(why) => self.failed(why),
            other => other,
        }
    }
}

async fn talk(connection: &mut Connection, commands: &[Command]) -> Result<Vec<Value>, StoreError> {
    let mut out = Vec::new();
    for command in commands {
        let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
        protocol::write(&mut out, &words);
    }
    let stream = connection.get_mut();
    stream.write_all(&out).await.map_err(StoreError::failed)?;
    // By TLS the end of a command may be kept.
    stream.flush().await.map_err(StoreError::failed)?;
    let mut answers = Vec::with_capacity(commands.len());
    for _ in commands {
        answers.push(protocol::read(connection).await?);
    }
    Ok(answers)
}
