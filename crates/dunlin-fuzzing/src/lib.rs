//! Generators and oracles: modules made from seeds, judged beside a second engine and a validator.
//!
//! A seed decides everything: the module, the features it may use, what its imports answer, the
//! arguments of each call. A finding is therefore one number, and `differential --one SEED` shows it
//! again.
//!
//! 1. [`generate`] turns a seed into a module.
//! 2. [`lockstep`] runs it on [`ours`] and on [`peer`], step by step, and compares every outcome.
//! 3. [`judge`] does so for Dunlin's tiers too. Where the peer differs, [`referee`] runs the steps on a [`third`] engine
//!    as well, if there is one.
//! 4. [`mutate`] damages modules and compares what is said about their validity.
//! 5. [`bodies`] damages function bodies and holds Dunlin's two passes of validation against each other and the
//!    validator; [`plain`] makes modules for it.
//! 6. [`shrink`] makes a finding small enough to read.
//! 7. [`objects`] does all of this for modules that the peer cannot run, beside an engine in another process.
//!
//! Invariants: nothing here depends on time, on addresses or on the order of a hash table; the peer
//! engine stands in this workspace's lock file and never in the product's.
//!
//! Does **not** know: how either engine works. It uses their public interfaces alone; [`bodies`] that of `dunlin-module`.

#![forbid(unsafe_code)]

pub mod bodies;
pub mod canonical;
pub mod detour;
pub mod generate;
pub mod judge;
pub mod lockstep;
pub mod mutate;
pub mod objects;
pub mod ours;
pub mod peer;
pub mod plain;
pub mod random;
pub mod referee;
mod scratch;
pub mod seeds;
pub mod shrink;
pub mod subject;
pub mod third;
pub mod value;
