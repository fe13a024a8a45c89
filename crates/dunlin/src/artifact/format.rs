//! The bytes of an artifact, all numbers little-endian.
//!
//! ```text
//! magic              8 bytes
//! format             u32
//! 0                  u32
//! length of it all   u64
//! engine, target, extensions, settings, features    texts: u32 length, UTF-8; names joined by ','
//! module's length    u64
//! module's hash      32 bytes
//! is the module here u32
//! is it a part       u32: 0 for the code of the whole module
//! lengths            u32 each: code, units, relocations, traps, source, maps, handlers, words of maps, calls in
//!                    place, needs
//! module             bytes, if it is here
//! code               bytes
//! units              u32 start, u32 end, u32 kind, u32 index
//! relocations        u32 offset, u32 builtin, i64 addend
//! traps              u32 offset, u32 trap code
//! source             u32 offset, u32 offset in the module
//! maps               u32 offset behind a call, u32 where its words begin
//! handlers           u32 return address, u32 handler, u32 bytes of the frame, 0
//! calls in place     u32 word, u32 function, u32 offset of its body, u32 word of the call
//! needs              u32 kind, u32 index: units, of a part
//! words of maps      u32 bytes below the frame pointer
//! checksum           32 bytes: BLAKE3 of all before
//! seal               32 bytes: BLAKE3 of the checksum, keyed
//! ```
//!
//! Reading goes from the outside in: magic, format, length, checksum, seal, identity, tables. Whatever
//! step fails, none behind it has been looked at. A length is held against the bytes that are left
//! before anything of that length is made.

use super::{HASH_BYTES, Identity};
use crate::module::ARTIFACT_MAGIC as MAGIC;
use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dunlin_core::TrapCode;
use dunlin_module::compile::{CallHandler, Relocation};
use dunlin_module::{Builtin, InlinedCall, Unit};
use dunlin_vm::native::CodeImage;

/// The number of this format. Whoever changes what is written changes it.
const FORMAT: u32 = 5;

/// Bytes of an artifact at least: its fixed beginning, and its end.
const END_BYTES: usize = 2 * HASH_BYTES;

/// Where the length of it all stands.
const LENGTH_AT: usize = 16;

/// Whether the original module is in the artifact, or its hash alone.
#[derive(Clone, Copy)]
pub(crate) enum Holds<'a> {
    /// The module.
    Module(&'a [u8]),
    /// The module's length and hash, for who has the module anyway.
    Hash(u64, [u8; HASH_BYTES]),
}

/// An artifact that has been found whole, sealed with our key, and made for us.
#[derive(Debug)]
pub(crate) struct Artifact<'a> {
    /// The original module, if it is here.
    pub(crate) module: Option<&'a [u8]>,
    /// Its length.
    pub(crate) module_len: u64,
    /// Its hash.
    pub(crate) module_hash: [u8; HASH_BYTES],
    /// Its code.
    pub(crate) image: CodeImage<'a>,
}

/// Writes an artifact.
pub(crate) fn write(
    identity: &Identity,
    key: &[u8; HASH_BYTES],
    holds: Holds<'_>,
    image: &CodeImage<'_>,
) -> Vec<u8> {
    let (module, len, hash) = match holds {
        Holds::Module(bytes) => (bytes, bytes.len() as u64, blake3::hash(bytes).into()),
        Holds::Hash(len, hash) => (&[][..], len, hash),
    };
    let mut out = Vec::with_capacity(module.len() + image.code.len() + 8 * image.source.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&0_u32.to_le_bytes());
    out.extend_from_slice(&0_u64.to_le_bytes());
    let Identity { engine, target, extensions, settings, features } = identity;
    for text in [engine, target, &extensions.join(","), settings, &features.join(",")] {
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&hash);
    let here = u32::from(matches!(holds, Holds::Module(_)));
    let needs = image.needs.as_deref();
    let tables = [
        image.units.len(),
        image.relocations.len(),
        image.traps.len(),
        image.source.len(),
        image.maps.len(),
        image.handlers.len(),
        image.map_words.len(),
        image.inlined.len(),
        needs.map_or(0, <[Unit]>::len),
    ];
    let lengths = [image.code.len()].into_iter().chain(tables);
    let is_part = u32::from(needs.is_some());
    for number in [here, is_part].into_iter().chain(lengths.map(|len| len as u32)) {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(module);
    out.extend_from_slice(&image.code);
    write_tables(&mut out, image);
    let length = (out.len() + END_BYTES) as u64;
    out[LENGTH_AT..][..8].copy_from_slice(&length.to_le_bytes());
    let checksum: [u8; HASH_BYTES] = blake3::hash(&out).into();
    out.extend_from_slice(&checksum);
    out.extend_from_slice(blake3::keyed_hash(key, &checksum).as_bytes());
    out
}

fn write_tables(out: &mut Vec<u8>, image: &CodeImage<'_>) {
    let mut row = |words: [u32; 2]| {
        out.extend_from_slice(&words[0].to_le_bytes());
        out.extend_from_slice(&words[1].to_le_bytes());
    };
    for (start, end, unit) in &image.units {
        row([*start, *end]);
        row(unit_words(*unit));
    }
    for relocation in &image.relocations {
        row([relocation.offset, relocation.builtin as u32]);
        let addend = relocation.addend as u64;
        row([addend as u32, (addend >> 32) as u32]);
    }
    for (offset, code) in &image.traps {
        row([*offset, *code as u32]);
    }
    for (offset, source) in &image.source {
        row([*offset, *source]);
    }
    for (behind, start) in &image.maps {
        row([*behind, *start]);
    }
    for of in &image.handlers {
        row([of.returns_to, of.handler]);
        row([of.frame_bytes, 0]);
    }
    for call in &image.inlined {
        row([call.word, call.func]);
        row([call.body, call.caller]);
    }
    for unit in image.needs.iter().flatten() {
        row(unit_words(*unit));
    }
    for word in &image.map_words {
        out.extend_from_slice(&word.to_le_bytes());
    }
}

fn unit_words(unit: Unit) -> [u32; 2] {
    match unit {
        Unit::Func(index) => [0, index],
        Unit::Enter(index) => [1, index],
        Unit::LeaveFunc(index) => [2, index],
        Unit::LeaveRef(index) => [3, index],
        Unit::Tables => [4, 0],
        // No image that is kept has one: what is read must not.
        Unit::Loop(func, _) => [5, func],
    }
}

/// Why an artifact is refused.
type Refusal = Cow<'static, str>;

impl<'a> Artifact<'a> {
    /// Reads an artifact and believes it nothing.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub(crate) fn read(
        bytes: &'a [u8],
        identity: &Identity,
        key: &[u8; HASH_BYTES],
    ) -> Result<Self, Refusal> {
        let mut from = Reader { rest: open(bytes, Some(key))? };
        identity.accept(&from.identity()?)?;
        Self::read_rest(from)
    }

    /// Reads what an artifact says, whoever made it and whatever for. Nothing of it is to be believed.
    ///
    /// # Errors
    ///
    /// If it is damaged, or says what no engine of ours writes.
    pub(crate) fn describe(bytes: &'a [u8]) -> Result<(Identity, Self), Refusal> {
        let mut from = Reader { rest: open(bytes, None)? };
        let made_for = from.identity()?;
        Ok((made_for, Self::read_rest(from)?))
    }

    fn read_rest(mut from: Reader<'a>) -> Result<Self, Refusal> {
        let module_len = from.u64()?;
        let module_hash = from.array()?;
        let here = from.u32()? != 0;
        let is_part = from.u32()? != 0;
        let mut lengths = [0; 10];
        for length in &mut lengths {
            *length = from.u32()? as usize;
        }
        let [code, units, relocations, traps, source, maps, handlers, map_words, inlined, needs] =
            lengths;
        let module = if here {
            Some(from.take(usize::try_from(module_len).map_err(|_| INCONSISTENT)?)?)
        } else {
            None
        };
        let image = CodeImage {
            code: from.take(code)?.into(),
            units: from.rows(units, unit)?,
            relocations: from.rows(relocations, relocation)?,
            traps: from.rows(traps, trap)?,
            source: from.rows(source, |[offset, source]: [u32; 2]| Some((offset, source)))?,
            maps: from.rows(maps, |[behind, start]: [u32; 2]| Some((behind, start)))?,
            handlers: from.rows(handlers, handler)?,
            inlined: from.rows(inlined, inlined_call)?,
            needs: is_part.then(|| from.rows(needs, unit_of)).transpose()?,
            map_words: from.rows(map_words, |[word]: [u32; 1]| Some(word))?,
        };
        match from.rest {
            [] => Ok(Self { module, module_len, module_hash, image }),
            _ => Err(INCONSISTENT),
        }
    }
}

/// An artifact that is whole and sealed, and says what no engine of ours writes.
const INCONSISTENT: Refusal = Cow::Borrowed("what it says of itself does not fit together");

/// What lies between the fixed beginning and the end, if the bytes are whole, and sealed with the key if
/// one is given.
fn open<'a>(bytes: &'a [u8], key: Option<&[u8; HASH_BYTES]>) -> Result<&'a [u8], Refusal> {
    let mut from = Reader { rest: bytes };
    if from.take(MAGIC.len()).ok() != Some(MAGIC) {
        return Err("it does not begin as one".into());
    }
    let cut = || Refusal::from("it ends in its beginning");
    let format = from.u32().map_err(|_| cut())?;
    if format != FORMAT {
        let text = alloc::format!("it is of format {format}, and this engine reads {FORMAT}");
        return Err(text.into());
    }
    from.u32().map_err(|_| cut())?;
    let length = from.u64().map_err(|_| cut())?;
    if length != bytes.len() as u64 {
        let text = alloc::format!("it has {} bytes, and says {length}", bytes.len());
        return Err(text.into());
    }
    let (body, end) =
        bytes.split_at_checked(bytes.len().wrapping_sub(END_BYTES)).ok_or_else(cut)?;
    let (checksum, seal) = end.split_at(HASH_BYTES);
    // These comparisons take the same time wherever the first difference is.
    if blake3::hash(body) != *checksum {
        return Err("it is damaged: its checksum is another".into());
    }
    if key.is_some_and(|key| blake3::keyed_hash(key, checksum) != *seal) {
        return Err("it is sealed with another key".into());
    }
    body.get(LENGTH_AT + 8..).ok_or_else(cut)
}

fn unit([start, end, kind, index]: [u32; 4]) -> Option<(u32, u32, Unit)> {
    Some((start, end, unit_of([kind, index])?))
}

fn unit_of([kind, index]: [u32; 2]) -> Option<Unit> {
    Some(match kind {
        0 => Unit::Func(index),
        1 => Unit::Enter(index),
        2 => Unit::LeaveFunc(index),
        3 => Unit::LeaveRef(index),
        4 if index == 0 => Unit::Tables,
        _ => return None,
    })
}

fn relocation([offset, builtin, low, high]: [u32; 4]) -> Option<Relocation> {
    let builtin = *Builtin::ALL.get(builtin as usize)?;
    let addend = (u64::from(high) << 32 | u64::from(low)) as i64;
    Some(Relocation { offset, builtin, addend })
}

fn handler([returns_to, handler, frame_bytes, zero]: [u32; 4]) -> Option<CallHandler> {
    (zero == 0).then_some(CallHandler { returns_to, handler, frame_bytes })
}

fn inlined_call([word, func, body, caller]: [u32; 4]) -> Option<InlinedCall> {
    Some(InlinedCall { word, func, body, caller })
}

fn trap([offset, code]: [u32; 2]) -> Option<(u32, TrapCode)> {
    Some((offset, TrapCode::from_number(u8::try_from(code).ok()?)?))
}

/// Takes bytes from the front.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(INCONSISTENT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        self.take(N)?.try_into().map_err(|_| INCONSISTENT)
    }

    fn u32(&mut self) -> Result<u32, Refusal> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Refusal> {
        self.array().map(u64::from_le_bytes)
    }

    fn identity(&mut self) -> Result<Identity, Refusal> {
        let mut text = || self.text();
        let names = |text: String| -> Vec<String> {
            text.split(',').filter(|name| !name.is_empty()).map(Into::into).collect()
        };
        Ok(Identity {
            engine: text()?,
            target: text()?,
            extensions: names(text()?),
            settings: text()?,
            features: names(text()?),
        })
    }

    fn text(&mut self) -> Result<String, Refusal> {
        let len = self.u32()? as usize;
        let text = core::str::from_utf8(self.take(len)?).map_err(|_| INCONSISTENT)?;
        Ok(text.to_string())
    }

    /// A table of `count` rows of `N` numbers, which must all be there.
    fn rows<const N: usize, T>(
        &mut self,
        count: usize,
        row: impl Fn([u32; N]) -> Option<T>,
    ) -> Result<Vec<T>, Refusal> {
        let bytes = self.take(count.checked_mul(4 * N).ok_or(INCONSISTENT)?)?;
        let rows = bytes.chunks_exact(4 * N).map(|bytes| {
            let (words, _) = bytes.as_chunks::<4>();
            let words = core::array::from_fn(|index| u32::from_le_bytes(words[index]));
            row(words).ok_or(INCONSISTENT)
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Engine;
    use alloc::vec;

    const KEY: &[u8; HASH_BYTES] = &[3; HASH_BYTES];

    /// Where the body of the test's module begins.
    const BODY_START: u32 = 28;

    fn identity() -> Identity {
        Identity {
            engine: "1".into(),
            target: "x".into(),
            extensions: vec!["a".into(), "b".into()],
            settings: "fast".into(),
            features: Vec::new(),
        }
    }

    /// The code of a module with one function and one type.
    fn image() -> CodeImage<'static> {
        let relocation = Relocation { offset: 8, builtin: Builtin::Unwind, addend: -1 };
        CodeImage {
            code: vec![0x90; 70].into(),
            units: vec![
                (0, 20, Unit::Func(0)),
                (32, 40, Unit::Enter(0)),
                (48, 70, Unit::LeaveRef(0)),
            ],
            relocations: vec![relocation],
            traps: vec![(3, TrapCode::Unreachable), (69, TrapCode::OutOfFuel)],
            source: vec![(0, u32::MAX), (2, 30), (20, u32::MAX), (70, u32::MAX)],
            maps: vec![(9, 0), (12, 2), (40, 2)],
            map_words: vec![16, 8, 4],
            handlers: vec![CallHandler { returns_to: 9, handler: 15, frame_bytes: 32 }],
            inlined: vec![InlinedCall {
                word: InlinedCall::FIRST_WORD,
                func: 0,
                body: BODY_START,
                caller: 30,
            }],
            needs: None,
        }
    }

    /// The same as a part, for which another has nothing to add.
    fn part() -> CodeImage<'static> {
        CodeImage { needs: Some(vec![Unit::LeaveFunc(0), Unit::LeaveRef(0)]), ..image() }
    }

    fn seal(mut body: Vec<u8>) -> Vec<u8> {
        let length = (body.len() + END_BYTES) as u64;
        body[LENGTH_AT..][..8].copy_from_slice(&length.to_le_bytes());
        let checksum: [u8; HASH_BYTES] = blake3::hash(&body).into();
        body.extend_from_slice(&checksum);
        body.extend_from_slice(blake3::keyed_hash(KEY, &checksum).as_bytes());
        body
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = write(&identity(), KEY, Holds::Module(b"module"), &image());
        let read = Artifact::read(&bytes, &identity(), KEY).expect("ours");
        assert_eq!((read.module, read.module_len), (Some(&b"module"[..]), 6));
        assert_eq!(read.image, image());
        let bytes = write(&identity(), KEY, Holds::Hash(9, [5; HASH_BYTES]), &part());
        let read = Artifact::read(&bytes, &identity(), KEY).expect("ours");
        assert_eq!(read.image, part());
        assert_eq!((read.module, read.module_len, read.module_hash), (None, 9, [5; HASH_BYTES]));
    }

    #[test]
    fn a_processor_may_have_more_extensions_and_never_fewer() {
        let bytes = write(&identity(), KEY, Holds::Hash(0, [0; HASH_BYTES]), &image());
        let with = |names: &[&str]| Identity {
            extensions: names.iter().map(|name| String::from(*name)).collect(),
            ..identity()
        };
        assert!(Artifact::read(&bytes, &with(&["b", "c", "a"]), KEY).is_ok());
        let refused = Artifact::read(&bytes, &with(&["a"]), KEY).expect_err("less");
        assert_eq!(refused, "it needs a processor with `b`");
    }

    /// A seal says who wrote the bytes, not that the writer made no mistake: whatever stands between
    /// the magic and the seal, reading ends, without a panic and without memory that the bytes do not
    /// account for.
    #[test]
    #[cfg_attr(miri, ignore = "a hundred thousand hashes")]
    fn sealed_nonsense_is_refused_in_order() {
        let engine = Engine::default();
        // With a table, so that the module needs a way out by reference.
        let text = "(module (table 0 funcref) (func))";
        let module = crate::Module::new(&engine, text).expect("a valid module");
        assert_eq!(part().check(module.code().module()), Ok(()));
        let mut outcomes = [0; 3];
        let mut attempt = |body: Vec<u8>| {
            let sealed = seal(body);
            let read = Artifact::read(&sealed, &identity(), KEY);
            let checked = read.map(|read| read.image.check(module.code().module()));
            outcomes[match checked {
                Err(_) => 0,
                Ok(Err(_)) => 1,
                Ok(Ok(())) => 2,
            }] += 1;
        };
        for image in [image(), part()] {
            let bytes = write(&identity(), KEY, Holds::Module(b"module"), &image);
            let body = &bytes[..bytes.len() - END_BYTES];
            for at in LENGTH_AT + 8..body.len() {
                attempt(body[..at].to_vec());
                for change in [1, 0x80, 0xff] {
                    let mut changed = body.to_vec();
                    changed[at] ^= change;
                    attempt(changed);
                }
                if let Some(word) = body.get(at..at + 4) {
                    let mut changed = body.to_vec();
                    let value = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
                    changed[at..at + 4].copy_from_slice(&value.wrapping_sub(1).to_le_bytes());
                    attempt(changed.clone());
                    changed[at..at + 4].fill(0xff);
                    attempt(changed);
                }
            }
        }
        // All three happen: code bytes may be anything.
        assert!(outcomes.iter().all(|count| *count > 50), "{outcomes:?}");
    }

    /// Whoever writes one can make its checksum right.
    #[test]
    fn what_is_not_to_be_believed_can_be_looked_at() {
        use crate::ArtifactInfo;
        let whole = write(&identity(), KEY, Holds::Module(b"module"), &image());
        let info = ArtifactInfo::read(&whole).expect("an artifact");
        assert_eq!((info.functions, info.code_bytes, info.traps), (1, 70, 2));
        assert_eq!(info.module, Some(&b"module"[..]));
        let code = info.function_code(0).expect("code");
        assert_eq!((code.bytes.len(), &code.traps[..]), (20, &[(3, TrapCode::Unreachable)][..]));
        assert_eq!(code.source, [(0, None), (2, Some((0, 30)))]);
        assert_eq!(info.function_code(1), None);
        let body = &whole[..whole.len() - END_BYTES];
        for at in LENGTH_AT + 8..body.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut body = body.to_vec();
                body[at] = value;
                let artifact = seal(body);
                if let Ok(info) = ArtifactInfo::read(&artifact) {
                    (0..3).for_each(|func| drop(info.function_code(func)));
                }
            }
        }
    }
}
