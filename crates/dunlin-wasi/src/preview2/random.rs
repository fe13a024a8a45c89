//! `wasi:random`: all three interfaces draw from the context's source.

use super::link::Interfaces;
use super::state::{ComponentCtx, trap};
use crate::errno::Errno;
use crate::preview1;

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    all.named("wasi:random/random")?
        .func("get-random-bytes", |state, (len,): (u64,)| bytes(state, len))?
        .func("get-random-u64", |state, ()| number(state))?;
    all.named("wasi:random/insecure")?
        .func("get-insecure-random-bytes", |state, (len,): (u64,)| bytes(state, len))?
        .func("get-insecure-random-u64", |state, ()| number(state))?;
    all.named("wasi:random/insecure-seed")?
        .func("insecure-seed", |state, ()| Ok((number(state)?, number(state)?)))?;
    Ok(())
}

fn bytes(state: &mut ComponentCtx, len: u64) -> dunlin::Result<Vec<u8>> {
    let len_max = state.ctx.limits.random_bytes_max;
    if len > u64::from(len_max) {
        return Err(trap("more random bytes at once than the limit"));
    }
    let mut bytes = vec![0; len as usize];
    fill(state, &mut bytes)?;
    Ok(bytes)
}

fn number(state: &mut ComponentCtx) -> dunlin::Result<u64> {
    let mut bytes = [0; 8];
    fill(state, &mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn fill(state: &mut ComponentCtx, bytes: &mut [u8]) -> dunlin::Result<()> {
    match preview1::fill_random(&mut state.ctx, bytes) {
        Err(Errno::Intr) => state.check_interrupt(),
        filled => filled.map_err(dunlin::Error::host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, WasiCtx};

    #[test]
    fn a_seed_decides_the_bytes_and_the_limit_how_many() {
        let limits = Limits { random_bytes_max: 32, ..Limits::default() };
        let state = || {
            let ctx = WasiCtx::builder().random_seed(7).limits(limits.clone()).build();
            ComponentCtx::new(ctx.expect("a context"))
        };
        let drawn = bytes(&mut state(), 32).expect("bytes");
        assert_eq!(drawn, bytes(&mut state(), 32).expect("bytes"));
        assert_eq!(drawn[..8], number(&mut state()).expect("a number").to_le_bytes());
        for len in [33, 1 << 32, u64::MAX] {
            assert!(bytes(&mut state(), len).is_err(), "{len}");
        }
    }
}
