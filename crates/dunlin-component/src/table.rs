//! A table of the embedder's resources, by number.

use crate::resource::{Borrow, Resource};
use crate::trap::usage;
use dunlin::Result;
use std::any::Any;

/// Keeps values of the embedder's that stand behind resources which guests hold, and gives them numbers.
///
/// # Examples
///
/// ```
/// use dunlin_component::ResourceTable;
///
/// let mut table = ResourceTable::new();
/// let file = table.push(String::from("notes.txt"));
/// assert_eq!(table.get(&file)?, "notes.txt");
/// assert_eq!(table.delete(&file)?, "notes.txt");
/// assert!(table.get(&file).is_err());
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Default)]
pub struct ResourceTable {
    entries: Vec<Option<Box<dyn Any + Send + Sync>>>,
    free: Vec<u32>,
}

/// What says which resource is meant: one that is given, or one that is lent.
pub trait Rep<R> {
    /// What the host knows it by.
    fn number(&self) -> u32;
}

impl<R: 'static> Rep<R> for Resource<R> {
    fn number(&self) -> u32 {
        self.rep()
    }
}

impl<R: 'static> Rep<R> for Borrow<R> {
    fn number(&self) -> u32 {
        self.rep()
    }
}

impl ResourceTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a value; the resource that a guest may be given.
    pub fn push<R: Send + Sync + 'static>(&mut self, value: R) -> Resource<R> {
        let value: Option<Box<dyn Any + Send + Sync>> = Some(Box::new(value));
        let rep = match self.free.pop() {
            Some(rep) => {
                self.entries[rep as usize] = value;
                rep
            }
            None => {
                self.entries.push(value);
                (self.entries.len() - 1) as u32
            }
        };
        Resource::new(rep)
    }

    /// The value behind a resource.
    ///
    /// # Errors
    ///
    /// If there is none, or it is of another type.
    pub fn get<R: 'static>(&self, resource: &impl Rep<R>) -> Result<&R> {
        let entry = self.entries.get(resource.number() as usize);
        entry.and_then(|entry| entry.as_ref()?.downcast_ref()).ok_or_else(missing)
    }

    /// The value behind a resource, to change.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn get_mut<R: 'static>(&mut self, resource: &impl Rep<R>) -> Result<&mut R> {
        let entry = self.entries.get_mut(resource.number() as usize);
        entry.and_then(|entry| entry.as_mut()?.downcast_mut()).ok_or_else(missing)
    }

    /// Takes the value behind a resource away, whose number may be used again.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn delete<R: 'static>(&mut self, resource: &impl Rep<R>) -> Result<R> {
        self.get(resource)?;
        let rep = resource.number();
        let value = self.entries.get_mut(rep as usize).and_then(Option::take);
        let value = value.and_then(|value| value.downcast().ok()).ok_or_else(missing)?;
        self.free.push(rep);
        Ok(*value)
    }
}

#[cold]
fn missing() -> dunlin::Error {
    usage("the table has no such resource")
}
