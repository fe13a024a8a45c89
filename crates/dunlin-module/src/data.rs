//! Data sections as compilers emit them: passive segments, and active ones of the first memory at plain numbers.
//!
//! There may be tens of thousands of segments. Such a section is decoded once, by this file, which keeps the numbers
//! themselves: so no byte of it has to be pinned, nothing is decoded again, and what the validator is told is how many
//! segments there are and no more. Any other section goes the validator's way, errors and all.

use crate::index::Indexer;
use crate::module::{DataMode, DataSegment, Offset, Span};
use crate::{Feature, Invalid, Module};
use alloc::vec::Vec;
use dunlin_core::limits::DATA_SEGMENTS_MAX;
use wasmparser::{BinaryReader, DataSectionReader};

/// How segments begin that are known here.
const ACTIVE: u8 = 0;
const PASSIVE: u8 = 1;

/// Opcodes of an active segment's offset.
const I32_CONST: u8 = 0x41;
const END: u8 = 0x0B;

impl Indexer<'_> {
    /// Takes the segments of a section that is known here; says whether it is.
    pub(crate) fn plain_data(&mut self, section: &DataSectionReader<'_>) -> Result<bool, Invalid> {
        let Some(segments) = plain_segments(self.module, section) else { return Ok(false) };
        let Some(validator) = &mut self.validator else {
            self.module.data = segments;
            return Ok(true);
        };
        // Where the section stands, and how many segments there are, is the validator's business: these are segments
        // without bytes that stand for them.
        let mut stand_ins = leb(section.count());
        stand_ins.extend([PASSIVE, 0].repeat(segments.len()));
        let reader = BinaryReader::new(&stand_ins, section.range().start);
        validator.data_section(&DataSectionReader::new(reader)?)?;
        self.module.data = segments;
        Ok(true)
    }
}

/// The section's segments, if all are known here and nothing else is in it.
fn plain_segments(module: &Module, section: &DataSectionReader<'_>) -> Option<Vec<DataSegment>> {
    let has_memory = module.memories.first().is_some_and(|memory| !memory.memory64);
    let is_allowed = has_memory && module.feature_set.contains(Feature::BulkMemory);
    if !is_allowed || section.count() > DATA_SEGMENTS_MAX {
        return None;
    }
    let (start, end) = (section.original_position(), section.range().end);
    let bytes = module.bytes.bytes().get(start as usize..end as usize)?;
    let mut reader = BinaryReader::new(bytes, start);
    let mut segments = Vec::with_capacity(section.count() as usize);
    for _ in 0..section.count() {
        let mode = match reader.read_u8().ok()? {
            PASSIVE => DataMode::Passive,
            ACTIVE => DataMode::Active { memory: 0, offset: Offset::Known(constant(&mut reader)?) },
            _ => return None,
        };
        let len = reader.read_var_u32().ok()?;
        let from = reader.original_position();
        reader.read_bytes(len as usize).ok()?;
        segments.push(DataSegment { mode, bytes: Span::new(from..from + u64::from(len)) });
    }
    reader.eof().then_some(segments)
}

/// The number of an `i32.const` that is a whole constant expression.
fn constant(reader: &mut BinaryReader<'_>) -> Option<u32> {
    let is_const = reader.read_u8().ok()? == I32_CONST;
    let value = reader.read_var_i32().ok()?;
    let is_whole = reader.read_u8().ok()? == END;
    (is_const && is_whole).then_some(value as u32)
}

fn leb(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = value as u8 & 0x7F;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Features;
    use alloc::format;
    use alloc::string::ToString;
    use alloc::sync::Arc;

    fn parse(text: &str) -> Result<Module, Invalid> {
        Module::parse(Arc::new(wat::parse_str(text).expect("a text")), Features::default())
    }

    #[test]
    fn plain_segments_are_kept_as_numbers() {
        let module = parse(r#"(module (memory 1) (data (i32.const -65000) "abc") (data "") (data (i32.const 7) "d"))"#)
            .expect("valid");
        let found: Vec<_> =
            module.data().iter().map(|it| (it.mode, module.data_bytes(it).to_vec())).collect();
        let active = |at| DataMode::Active { memory: 0, offset: Offset::Known(at) };
        assert_eq!(
            found,
            [
                (active(0xFFFF_0218), b"abc".to_vec()),
                (DataMode::Passive, Vec::new()),
                (active(7), b"d".to_vec()),
            ]
        );
    }

    #[test]
    fn others_are_expressions() {
        for text in [
            r#"(module (global i32 (i32.const 1)) (memory 1) (data (global.get 0) "a"))"#,
            r#"(module (memory 1) (data (i32.add (i32.const 1) (i32.const 2)) "a") (data (i32.const 3) "b"))"#,
            r#"(module (memory i64 1) (data (i64.const 5) "a"))"#,
            r#"(module (memory 1) (memory 1) (data (memory 1) (i32.const 5) "a"))"#,
        ] {
            let module = parse(text).expect("valid");
            for segment in module.data() {
                let DataMode::Active { offset: Offset::Expr(_), .. } = segment.mode else {
                    panic!("{text}: {:?}", segment.mode)
                };
            }
        }
    }

    #[test]
    fn the_validator_says_what_is_wrong() {
        for (text, says) in [
            (r#"(module (data (i32.const 1) "a"))"#, "unknown memory 0"),
            (r#"(module (memory 1) (data (i64.const 1) "a"))"#, "type mismatch"),
            (r#"(module (memory i64 1) (data (i32.const 1) "a"))"#, "type mismatch"),
        ] {
            let error = parse(text).expect_err("not valid").to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_section_in_the_wrong_place_or_of_another_length_is_refused() {
        let sections: [&[u8]; 3] =
            [&[5, 3, 1, 0, 1], &[12, 1, 2], &[11, 7, 1, 0, 0x41, 1, 0x0B, 1, b'a']];
        let of = |sections: &[&[u8]]| {
            let bytes = [b"\0asm\x01\0\0\0", &*sections.concat()].concat();
            Module::parse(Arc::new(bytes), Features::default()).map(|module| module.data().len())
        };
        let [memory, count, data] = sections;
        assert_eq!(of(&[memory, data]).ok(), Some(1));
        for (sections, says) in [
            (&[memory, count, data][..], "data count"),
            (&[memory, data, data], "order"),
            (&[memory, data, memory], "order"),
            (&[memory, &[11, 8, 1, 0, 0x41, 1, 0x0B, 1, b'a', 0]], "section size mismatch"),
            (&[memory, &[11, 7, 1, 0, 0x41, 1, 0x0B, 2, b'a']], "end"),
        ] {
            let error = of(sections).expect_err("not valid").to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
        assert_eq!(format!("{:?}", leb(300)), "[172, 2]");
    }
}
