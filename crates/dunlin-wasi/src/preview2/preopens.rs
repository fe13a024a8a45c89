//! `wasi:filesystem/preopens`: the directories that the embedder granted.

use dunlin_component::Resource;

use super::filesystem::FileDescriptor;
use super::link::Interfaces;
use super::state::{ComponentCtx, trap};
use crate::errno::Errno;

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    all.named("wasi:filesystem/preopens")?.func("get-directories", |state, ()| {
        directories(state).map_err(|errno| match errno {
            Errno::Mfile | Errno::Nomem => trap("the component holds too many descriptors"),
            errno => dunlin::Error::host(errno),
        })
    })?;
    Ok(())
}

/// The granted directories, each of which the guest gets a descriptor of its own for, and their names.
fn directories(state: &mut ComponentCtx) -> Result<Vec<(Resource<FileDescriptor>, String)>, Errno> {
    let granted = state.ctx.table.preopens()?;
    let mut given = Vec::with_capacity(granted.len());
    for (descriptor, name) in granted {
        let fd = state.ctx.table.insert(descriptor)?;
        given.push((state.give_descriptor(fd)?, name));
    }
    Ok(given)
}
