//! One side of a call: a component instance with its memory, its allocator, its encoding, and what its resource types
//! stand for.

use crate::limits::RANGE_BYTES_MAX;
use crate::resource::ResourceTypeId;
use crate::state::{BOUND, RUNNING, set_flags_and_context};
use crate::template::Encoding;
use crate::trap::{contained, trap};
use crate::types::Var;
use dunlin::{AsContextMut, Memory, NumericFunc, Result, StoreContextMut};
use std::ops::Range;

/// One side of a call.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) instance: u32,
    pub(crate) memory: Option<Memory>,
    pub(crate) realloc: Option<NumericFunc>,
    pub(crate) encoding: Encoding,
    /// What the resource types of the function's type are, in this instance.
    pub(crate) resources: Box<[(Var, ResourceTypeId)]>,
}

/// Whose values are written or read: traps have other texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Host,
    /// Another component; the text of a range that is out of bounds.
    Component(&'static str),
}

/// The text for lists between components.
pub(crate) const LIST: Peer = Peer::Component("list content out-of-bounds");
/// The text for strings between components.
pub(crate) const STRING: Peer = Peer::Component("string content out-of-bounds");
/// The text for parameters and results that pass in memory.
pub(crate) const AREA: Peer = Peer::Component("pointer not aligned or out of bounds of memory");

impl Side {
    /// What this resource type is here.
    pub(crate) fn resource(&self, var: Var) -> Result<ResourceTypeId> {
        let found = self.resources.iter().find(|bound| bound.0 == var);
        found.map(|bound| bound.1).ok_or_else(|| trap("a resource type is not bound"))
    }

    /// All of its memory.
    pub(crate) fn bytes<'a, T: 'static>(&self, store: &'a StoreContextMut<'_, T>) -> &'a [u8] {
        self.memory.as_ref().map_or(&[], |memory| memory.data(store))
    }

    /// All of its memory, to write.
    pub(crate) fn bytes_mut<'a, T: 'static>(
        &self,
        store: &'a mut StoreContextMut<'_, T>,
    ) -> &'a mut [u8] {
        match &self.memory {
            Some(memory) => memory.data_mut(store),
            None => &mut [],
        }
    }

    /// So many bytes of its memory.
    pub(crate) fn slice<'a, T: 'static>(
        &self,
        store: &'a StoreContextMut<'_, T>,
        range: Range<usize>,
    ) -> Result<&'a [u8]> {
        self.bytes(store).get(range).ok_or_else(outside)
    }

    /// So many bytes of its memory, to write.
    pub(crate) fn slice_mut<'a, T: 'static>(
        &self,
        store: &'a mut StoreContextMut<'_, T>,
        range: Range<usize>,
    ) -> Result<&'a mut [u8]> {
        self.bytes_mut(store).get_mut(range).ok_or_else(outside)
    }

    /// Up to eight bytes of its memory as a number.
    #[inline]
    pub(crate) fn load<T: 'static>(
        &self,
        store: &StoreContextMut<'_, T>,
        at: u32,
        bytes: u32,
    ) -> Result<u64> {
        let (at, bytes) = (at as usize, bytes as usize);
        let source = self.slice(store, at..at + bytes)?;
        let mut number = [0; 8];
        number[..bytes].copy_from_slice(source);
        Ok(u64::from_le_bytes(number))
    }

    /// Writes the lowest of a number's bytes, up to eight.
    #[inline]
    pub(crate) fn store<T: 'static>(
        &self,
        store: &mut StoreContextMut<'_, T>,
        at: u32,
        bytes: u32,
        number: u64,
    ) -> Result<()> {
        let (at, bytes) = (at as usize, bytes as usize);
        let target = self.slice_mut(store, at..at + bytes)?;
        target.copy_from_slice(&number.to_le_bytes()[..bytes]);
        Ok(())
    }

    /// The bytes of a list of the guest's, checked.
    pub(crate) fn list<T: 'static>(
        &self,
        store: &StoreContextMut<'_, T>,
        (pointer, len): (u32, u32),
        (size, align): (u32, u32),
        peer: Peer,
    ) -> Result<Range<usize>> {
        let bytes = u64::from(len) * u64::from(size);
        self.range(store, (pointer, bytes), align, peer)
    }

    /// A range of the guest's memory, checked.
    pub(crate) fn range<T: 'static>(
        &self,
        store: &StoreContextMut<'_, T>,
        (pointer, bytes): (u32, u64),
        align: u32,
        peer: Peer,
    ) -> Result<Range<usize>> {
        if bytes > RANGE_BYTES_MAX {
            return Err(lifted_outside(peer));
        }
        if !pointer.is_multiple_of(align) {
            return Err(trap(match peer {
                Peer::Host => "pointer is not aligned",
                Peer::Component(_) => "unaligned pointer",
            }));
        }
        let end = u64::from(pointer) + bytes;
        if end > self.bytes(store).len() as u64 {
            return Err(lifted_outside(peer));
        }
        Ok(pointer as usize..end as usize)
    }

    /// New bytes of the guest's memory, from its allocator, whose answer is checked.
    pub(crate) fn allocate<T: 'static>(
        &self,
        store: &mut StoreContextMut<'_, T>,
        align: u32,
        bytes: u32,
        peer: Peer,
    ) -> Result<u32> {
        self.reallocate(store, [0, 0, align, bytes], peer)
    }

    /// Calls the guest's allocator with an old pointer, its bytes, an alignment, and the bytes that are wanted.
    pub(crate) fn reallocate<T: 'static>(
        &self,
        store: &mut StoreContextMut<'_, T>,
        arguments: [u32; 4],
        peer: Peer,
    ) -> Result<u32> {
        let Some(realloc) = self.realloc else { return Err(trap("no function allocates")) };
        let mut words = arguments.map(u64::from);
        let context = set_flags_and_context(store, self.instance, (BOUND, [0; 2]))?;
        realloc.call(store.as_context_mut(), &mut words).map_err(contained)?;
        set_flags_and_context(store, self.instance, (RUNNING, context))?;
        let (pointer, [_, _, align, bytes]) = (words[0] as u32, arguments);
        self.check_lowered(store, pointer, align, bytes, peer)?;
        Ok(pointer)
    }

    /// Checks where values are going to be written.
    pub(crate) fn check_lowered<T: 'static>(
        &self,
        store: &StoreContextMut<'_, T>,
        pointer: u32,
        align: u32,
        bytes: u32,
        peer: Peer,
    ) -> Result<()> {
        if !pointer.is_multiple_of(align) {
            return Err(trap(match peer {
                Peer::Host => "realloc return: result not aligned",
                Peer::Component(_) => "unaligned pointer",
            }));
        }
        let end = u64::from(pointer) + u64::from(bytes);
        if end > self.bytes(store).len() as u64 {
            return Err(trap(match peer {
                Peer::Host => "realloc return: beyond end of memory",
                Peer::Component(text) => text,
            }));
        }
        Ok(())
    }
}

#[cold]
fn outside() -> dunlin::Error {
    dunlin::TrapCode::MemoryOutOfBounds.into()
}

/// What is lifted is not in the memory.
#[cold]
fn lifted_outside(peer: Peer) -> dunlin::Error {
    trap(match peer {
        Peer::Host => "list pointer/length out of bounds of memory",
        Peer::Component(text) => text,
    })
}
