//! Registers.

/// A general register, by its number in instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gpr(pub(crate) u8);

/// A vector register, by its number in instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Xmm(pub(crate) u8);

macro_rules! gprs {
    ($($name:ident = $number:literal;)*) => {$(
        pub(crate) const $name: Gpr = Gpr($number);
    )*};
}

gprs! {
    RAX = 0;
    RCX = 1;
    RDX = 2;
    RBX = 3;
    RSP = 4;
    RBP = 5;
    RSI = 6;
    RDI = 7;
    R8 = 8;
    R9 = 9;
    R10 = 10;
    R11 = 11;
    R12 = 12;
    R13 = 13;
    R14 = 14;
    R15 = 15;
}

/// The first vector register, in which results are.
pub(crate) const XMM0: Xmm = Xmm(0);

/// A set of registers of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set(pub(crate) u16);

impl Set {
    /// The set of these.
    pub(crate) const fn of(numbers: &[u8]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < numbers.len() {
            bits |= 1 << numbers[at];
            at += 1;
        }
        Self(bits)
    }

    pub(crate) const fn contains(self, number: u8) -> bool {
        self.0 & 1 << number != 0
    }

    pub(crate) const fn with(self, number: u8) -> Self {
        Self(self.0 | 1 << number)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline]
    pub(crate) fn add(&mut self, number: u8) {
        self.0 |= 1 << number;
    }

    #[inline]
    pub(crate) fn remove(&mut self, number: u8) {
        self.0 &= !(1 << number);
    }

    /// The lowest, if there is one.
    #[inline]
    pub(crate) fn first(self) -> Option<u8> {
        (self.0 != 0).then(|| self.0.trailing_zeros() as u8)
    }
}
