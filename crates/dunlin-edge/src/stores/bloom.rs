//! Bloom filters: sets that answer "surely not" or "probably", in a few bits for each item.
//!
//! A filter is a header and bits, and is kept and sent as those bytes: `dunlinbf`, a version, how many bits each item sets,
//! six bytes of nothing, the bits. An item sets the bits `h1 + i * h2` for i from 0 (Kirsch and Mitzenmacher: two hashes do
//! for all), with both hashes from one pass over its bytes. The hash is part of the format, and is nobody's secret: whoever
//! wants a false "probably" can search for one, as with every such filter.

use super::StoreError;
use super::limits::FILTER_BYTES_MAX;

const MAGIC: &[u8; 8] = b"dunlinbf";
const VERSION: u8 = 1;

/// Bytes before the bits.
pub(crate) const HEADER_BYTES: usize = 16;

/// Bits that an item sets at most: one false answer in 2^32 needs as many.
const HASHES_MAX: u8 = 32;

/// A Bloom filter.
///
/// # Examples
///
/// ```
/// use dunlin_edge::stores::bloom::Filter;
///
/// let mut filter = Filter::new(1000, 0.01)?;
/// filter.add("198.51.100.7");
/// assert!(filter.contains("198.51.100.7"));
/// let again = Filter::from_bytes(filter.as_bytes().to_vec())?;
/// assert!(again.contains("198.51.100.7"));
/// # Ok::<(), dunlin_edge::stores::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    bytes: Vec<u8>,
}

/// How a filter's bits are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    hashes: u8,
    bits: u64,
}

impl Filter {
    /// A filter without items, of a size for so many with so many false answers among those to others.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if the rate is not between 0 and 1, or the filter would be too large.
    pub fn new(items: usize, false_rate: f64) -> Result<Self, StoreError> {
        if !(false_rate > 0.0 && false_rate < 1.0) {
            return Err(StoreError::refused("a filter's rate of false answers is between 0 and 1"));
        }
        let halvings = -log2(false_rate);
        let bits = (items.max(1) as f64 * halvings / std::f64::consts::LN_2).ceil();
        let bytes = (bits / 8.0).ceil().max(8.0);
        if bytes > FILTER_BYTES_MAX as f64 {
            return Err(StoreError::refused(format_args!(
                "the filter would have {bytes} bytes, and {FILTER_BYTES_MAX} at most"
            )));
        }
        let hashes = halvings.ceil().clamp(1.0, f64::from(HASHES_MAX)) as u8;
        let mut all = vec![0; HEADER_BYTES + bytes as usize];
        all[..8].copy_from_slice(MAGIC);
        (all[8], all[9]) = (VERSION, hashes);
        Ok(Self { bytes: all })
    }

    /// The filter that these bytes are.
    ///
    /// # Errors
    ///
    /// [`StoreError::WrongKind`] if they are none.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, StoreError> {
        match Shape::of(&bytes, bytes.len()) {
            Some(_) => Ok(Self { bytes }),
            None => Err(StoreError::WrongKind),
        }
    }

    /// The filter's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds an item.
    pub fn add(&mut self, item: &str) {
        let Some(shape) = Shape::of(&self.bytes, self.bytes.len()) else { return };
        for bit in shape.places(item) {
            self.bytes[HEADER_BYTES + (bit / 8) as usize] |= 0x80 >> (bit % 8);
        }
    }

    /// Whether an item has probably been added; `false` is certain.
    #[must_use]
    pub fn contains(&self, item: &str) -> bool {
        contains(&self.bytes, item).unwrap_or(false)
    }
}

/// The same for bytes that lie in a store; `None` if they are no filter.
pub(crate) fn contains(filter: &[u8], item: &str) -> Option<bool> {
    let shape = Shape::of(filter, filter.len())?;
    let is_set = |bit: u64| {
        let byte = filter.get(HEADER_BYTES + (bit / 8) as usize);
        byte.is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0)
    };
    Some(shape.places(item).all(is_set))
}

impl Shape {
    /// What a filter's header says, if it is one; `len` is that of the whole filter.
    pub(crate) fn of(header: &[u8], len: usize) -> Option<Self> {
        let header: &[u8; HEADER_BYTES] = header.get(..HEADER_BYTES)?.try_into().ok()?;
        let hashes = header[9];
        let is = header.starts_with(MAGIC)
            && header[8] == VERSION
            && (1..=HASHES_MAX).contains(&hashes)
            && len > HEADER_BYTES
            && len <= HEADER_BYTES + FILTER_BYTES_MAX;
        is.then(|| Self { hashes, bits: (len - HEADER_BYTES) as u64 * 8 })
    }

    /// The bits that an item sets; the first of each byte is its highest, as Redis numbers them.
    pub(crate) fn places(self, item: &str) -> impl Iterator<Item = u64> {
        let (first, step) = hash(item.as_bytes());
        (0..u64::from(self.hashes))
            .map(move |at| first.wrapping_add(at.wrapping_mul(step)) % self.bits)
    }
}

/// Two hashes of bytes: FNV-1a of 64 bits, mixed in two ways (the finaliser of SplitMix64).
fn hash(bytes: &[u8]) -> (u64, u64) {
    let fnv = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mix = |mut word: u64| {
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    let golden = 0x9e37_79b9_7f4a_7c15_u64;
    // An odd step visits different bits however many there are of them, but for a multiple of few.
    (mix(fnv.wrapping_add(golden)), mix(fnv.wrapping_add(golden.wrapping_mul(2))) | 1)
}

/// The logarithm of a positive number to base 2. The C library's is in a library of its own, which the whole program
/// would load at each start for this one.
fn log2(value: f64) -> f64 {
    /// Terms of the series: the next is below 3^-41.
    const TERMS: u32 = 20;
    // Numbers that have lost leading digits get them back.
    let (value, scale) =
        if value < f64::MIN_POSITIVE { (value * 2f64.powi(64), -64) } else { (value, 0) };
    let bits = value.to_bits();
    let exponent = (bits >> 52) as i32 - 1023 + scale;
    let mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    // ln m = 2 artanh((m - 1) / (m + 1)), of at most a third here.
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let series =
        (0..TERMS).rev().fold(0.0, |sum, term| sum * ratio * ratio + 1.0 / f64::from(2 * term + 1));
    f64::from(exponent) + 2.0 * ratio * series / std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_the_c_library() {
        for value in
            [0.01, 0.001, 0.1, 0.5, 0.25, 0.3, 0.999_999, 1e-9, 1e-300, 5e-324, 0.7, 1.0, 3.0]
        {
            let (ours, theirs) = (super::log2(value), f64::log2(value));
            assert!(
                (ours - theirs).abs() <= 1e-14 * theirs.abs().max(1.0),
                "{value}: {ours}, {theirs}"
            );
        }
        assert_eq!(super::log2(2f64.powi(-32)).to_bits(), (-32f64).to_bits());
    }

    #[test]
    fn nothing_that_was_added_is_denied_and_few_others_are_not() {
        for (items, rate) in [(1, 0.5), (100, 0.01), (10_000, 0.001), (3, 1e-9)] {
            let mut filter = Filter::new(items, rate).expect("small");
            (0..items).for_each(|at| filter.add(&format!("item {at}")));
            assert!((0..items).all(|at| filter.contains(&format!("item {at}"))));
            let others = 100_000;
            let wrong = (0..others).filter(|at| filter.contains(&format!("other {at}"))).count();
            assert!((wrong as f64) < f64::from(others) * rate * 2.0 + 20.0, "{items}: {wrong}");
        }
    }

    #[test]
    fn an_empty_filter_contains_nothing() {
        let filter = Filter::new(0, 0.01).expect("small");
        assert!(!filter.contains("") && !filter.contains("a"));
    }

    #[test]
    fn the_format_is_what_it_was() {
        let mut filter = Filter::new(8, 0.1).expect("small");
        filter.add("grüße");
        assert_eq!(&filter.as_bytes()[..10], b"dunlinbf\x01\x04");
        assert_eq!(hash(b""), hash(b""));
        assert_ne!(hash(b"a"), hash(b"b"));
    }

    #[test]
    fn filters_that_are_none_are_refused() {
        let good = Filter::new(8, 0.1).expect("small").as_bytes().to_vec();
        for change in [(0, b'x'), (8, 2), (9, 0), (9, 33)] {
            let mut bad = good.clone();
            bad[change.0] = change.1;
            assert_eq!(Filter::from_bytes(bad), Err(StoreError::WrongKind));
        }
        assert!(Filter::from_bytes(good[..HEADER_BYTES].to_vec()).is_err());
        assert!(Filter::from_bytes(Vec::new()).is_err());
        for rate in [0.0, 1.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Filter::new(1, rate).is_err(), "{rate}");
        }
        assert!(Filter::new(usize::MAX, 0.01).is_err());
    }
}
