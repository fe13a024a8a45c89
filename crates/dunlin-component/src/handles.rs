//! A component instance's table of handles: indices that guests hold, and what stands for them.
//!
//! Index 0 is never given out. Of the free indices the one that was freed last is given first, as the canonical ABI says.

use crate::limits::HANDLES_MAX;
use crate::resource::ResourceTypeId;
use crate::trap::trap;
use dunlin::Result;

/// A handle to a resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle {
    pub(crate) ty: ResourceTypeId,
    /// What the resource's implementer knows it by.
    pub(crate) rep: u32,
    /// The call for whose duration it is borrowed; `None` if it is owned.
    pub(crate) scope: Option<u32>,
    /// How many calls that have not ended it is lent to.
    pub(crate) lends: u32,
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    Used(Handle),
    /// A free place, and the one that was freed before it; 0 ends the list.
    Free(u32),
}

/// The handles of one instance.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    entries: Vec<Entry>,
    free: u32,
}

impl Handles {
    /// Adds a handle; its index.
    pub(crate) fn add(&mut self, handle: Handle) -> Result<u32> {
        if let Some(Entry::Free(next)) = self.entries.get(self.free as usize).copied()
            && self.free != 0
        {
            let index = std::mem::replace(&mut self.free, next);
            self.entries[index as usize] = Entry::Used(handle);
            return Ok(index);
        }
        if self.entries.is_empty() {
            // Most instances have none: the place that is never used is made with the first.
            self.entries.push(Entry::Free(0));
        }
        if self.entries.len() > HANDLES_MAX {
            return Err(trap("the table of handles is full"));
        }
        self.entries.push(Entry::Used(handle));
        Ok((self.entries.len() - 1) as u32)
    }

    /// A handle of this type.
    pub(crate) fn get(&mut self, index: u32, ty: ResourceTypeId) -> Result<&mut Handle> {
        match self.entries.get_mut(index as usize) {
            Some(Entry::Used(handle)) if handle.ty == ty => Ok(handle),
            Some(Entry::Used(_)) => Err(wrong_type(index)),
            _ => Err(unknown(index)),
        }
    }

    /// Takes a handle of this type away, which must not be lent.
    pub(crate) fn remove(&mut self, index: u32, ty: ResourceTypeId) -> Result<Handle> {
        let handle = *self.get(index, ty)?;
        if handle.lends != 0 {
            return Err(trap("cannot remove owned resource while borrowed"));
        }
        self.entries[index as usize] = Entry::Free(self.free);
        self.free = index;
        Ok(handle)
    }

    /// Ends a loan of a handle.
    pub(crate) fn end_loan(&mut self, index: u32) {
        if let Some(Entry::Used(handle)) = self.entries.get_mut(index as usize) {
            handle.lends = handle.lends.saturating_sub(1);
        }
    }
}

#[cold]
fn unknown(index: u32) -> dunlin::Error {
    trap(format_args!("unknown handle index {index}"))
}

#[cold]
fn wrong_type(index: u32) -> dunlin::Error {
    trap(format_args!(
        "handle index {index} used with the wrong type, expected guest-defined resource but found a \
         different guest-defined resource"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ResourceTypeId = ResourceTypeId(1);
    const B: ResourceTypeId = ResourceTypeId(2);

    fn handle(rep: u32) -> Handle {
        Handle { ty: A, rep, scope: None, lends: 0 }
    }

    #[test]
    fn indices_begin_at_one_and_the_last_freed_is_next() {
        let mut handles = Handles::default();
        for expected in 1..=3 {
            assert_eq!(handles.add(handle(expected * 10)).unwrap(), expected);
        }
        assert_eq!(handles.remove(1, A).unwrap().rep, 10);
        assert_eq!(handles.remove(3, A).unwrap().rep, 30);
        assert_eq!([(); 3].map(|()| handles.add(handle(7)).unwrap()), [3, 1, 4]);
    }

    #[test]
    fn what_is_not_there_or_another_type_or_lent_is_refused() {
        let mut handles = Handles::default();
        let index = handles.add(handle(5)).unwrap();
        for unknown in [0, 2, u32::MAX] {
            let error = handles.get(unknown, A).unwrap_err().to_string();
            assert_eq!(error, format!("unknown handle index {unknown}"));
        }
        assert!(handles.get(index, B).unwrap_err().to_string().contains("wrong type"));
        handles.get(index, A).unwrap().lends += 1;
        assert!(handles.remove(index, A).unwrap_err().to_string().contains("while borrowed"));
        handles.end_loan(index);
        assert_eq!(handles.remove(index, A).unwrap().rep, 5);
        assert!(handles.remove(index, A).is_err());
    }
}
