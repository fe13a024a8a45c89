//! A module's native code: its units in one piece of executable memory, and what stands where in it.

use super::image::{ADDRESS_BYTES, CodeImage, Layout};
use super::map;
use super::region::{Piece, Region};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use dunlin_module::{CompiledFunction, Module, Target, Unit};

/// The native code of a module. Dropping it removes the code.
pub struct NativeCode {
    region: Arc<Region>,
    /// Addresses of the ways in, by type index; 0 where there is none.
    ways_in: Box<[usize]>,
}

/// Code that has been placed in memory, for who tells profilers of it.
#[derive(Clone, Copy)]
pub struct PlacedCode<'a> {
    region: &'a Region,
    piece: &'a Piece,
}

impl NativeCode {
    /// Places an image in memory. `None` if memory for code is not to be had.
    ///
    /// # Panics
    ///
    /// If the image is not one that [`CodeImage::check`] accepts.
    #[must_use]
    pub fn load(module: &Module, mut image: CodeImage<'_>) -> Option<Self> {
        let code = core::mem::take(&mut image.code);
        // Offsets are 32 bits wide.
        u32::try_from(code.len()).ok()?;
        let write = |target: &mut [u8]| target.copy_from_slice(&code);
        Self::place(module, Region::whole(image, code.len(), write)?)
    }

    /// Places all units of a module in memory, as [`load`](Self::load) does with the image that
    /// [`CodeImage::lay_out`] makes of them. `None` where that does not succeed, or this does not.
    ///
    /// # Panics
    ///
    /// As for [`load`](Self::load).
    #[must_use]
    pub fn load_units(module: &Module, units: &[(Unit, CompiledFunction)]) -> Option<Self> {
        let Layout { tables, code } = Layout::of(units)?;
        Self::place(module, Region::whole(tables, code.bytes, |target| code.write(target))?)
    }

    fn place(module: &Module, region: Region) -> Option<Self> {
        let region = Arc::new(region);
        let mut ways_in = alloc::vec![0; module.types().len()];
        let piece = region.first()?;
        for (start, _, unit) in &piece.units {
            if let Unit::Enter(ty) = unit {
                ways_in[*ty as usize] = piece.base + *start as usize;
            }
        }
        map::register(&region);
        Some(Self { region, ways_in: ways_in.into() })
    }

    fn piece(&self) -> &Piece {
        self.region.first().expect("the region of an image has its piece")
    }

    /// The code as plain data again, without addresses.
    #[must_use]
    pub fn image(&self) -> CodeImage<'static> {
        let piece = self.piece();
        let mut code = self.region.code(piece).to_vec();
        for relocation in &piece.relocations {
            code[relocation.offset as usize..][..ADDRESS_BYTES].fill(0);
        }
        CodeImage {
            code: code.into(),
            units: piece.units.to_vec(),
            relocations: piece.relocations.to_vec(),
            traps: piece.traps.to_vec(),
            source: piece.source.to_vec(),
            maps: piece.maps.to_vec(),
            map_words: piece.map_words.to_vec(),
            handlers: piece.handlers.to_vec(),
            inlined: piece.inlined.to_vec(),
            needs: None,
        }
    }

    /// Whether the function of this index has code, and not only a way out.
    #[must_use]
    pub fn has_body(&self, func: u32) -> bool {
        // Functions with code come first, by index.
        let units = &self.piece().units;
        units.binary_search_by_key(&Unit::Func(func), |(.., unit)| *unit).is_ok()
    }

    /// How many functions have code.
    #[must_use]
    pub fn functions(&self) -> usize {
        self.piece().units.partition_point(|(.., unit)| matches!(unit, Unit::Func(_)))
    }

    /// The way in for functions of the type of this index; 0 if there is none.
    #[must_use]
    pub fn way_in(&self, ty: u32) -> usize {
        self.ways_in.get(ty as usize).copied().unwrap_or(0)
    }

    /// Where pointers to the units belong in the module's array of code.
    pub(crate) fn entries(&self, module: &Module) -> Vec<(usize, Unit, *const u8)> {
        self.placed().entries(module).collect()
    }

    /// What profilers are told of.
    #[must_use]
    pub fn placed(&self) -> PlacedCode<'_> {
        PlacedCode { region: &self.region, piece: self.piece() }
    }

    /// The functions whose code is at `pc`, if it is of this module, as [`PlacedCode::frames`] says.
    pub(crate) fn frames(&self, pc: usize) -> Option<Vec<(u32, u32)>> {
        frames(&self.region, pc)
    }

    /// Where the code begins.
    #[cfg(test)]
    pub(super) fn address(&self) -> usize {
        self.piece().base
    }

    /// Bytes of the code.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.piece().bytes
    }
}

/// The functions whose code is at `pc`, if the region holds it, from the innermost one outwards, and the offsets in
/// the module; where code of a function belongs to no operator, the function with the offset 0. Empty for code of
/// other units.
pub(super) fn frames(region: &Region, pc: usize) -> Option<Vec<(u32, u32)>> {
    let piece = region.piece(pc)?;
    let place = piece.place(pc)?;
    let (Unit::Func(func) | Unit::Loop(func, _)) = place.unit else { return Some(Vec::new()) };
    if !place.has_frame() {
        return Some(Vec::new());
    }
    let mut found: Vec<(u32, u32)> = piece.operators(place).collect();
    if found.is_empty() {
        found.push((func, 0));
    }
    Some(found)
}

impl<'a> PlacedCode<'a> {
    pub(super) fn new(region: &'a Region, piece: &'a Piece) -> Self {
        Self { region, piece }
    }

    /// Where pointers to the units belong in the module's array of code; ways in belong nowhere.
    pub(crate) fn entries(
        self,
        module: &Module,
    ) -> impl Iterator<Item = (usize, Unit, *const u8)> + use<'a> {
        let functions = module.func_count() as usize;
        let types = module.types().len();
        self.piece.units.iter().filter_map(move |(start, _, unit)| {
            let index = match unit {
                Unit::Func(func) | Unit::LeaveFunc(func) => *func as usize,
                Unit::LeaveRef(ty) => functions + *ty as usize,
                Unit::Tables => functions + types,
                Unit::Enter(_) | Unit::Loop(..) => return None,
            };
            let address = self.piece.base + *start as usize;
            Some((index, *unit, core::ptr::with_exposed_provenance(address)))
        })
    }

    /// What calls through tables that never change are to be led to, if those are here.
    pub(crate) fn targets(self) -> Option<Vec<Target>> {
        let is_tables = |(.., unit): &&(u32, u32, Unit)| *unit == Unit::Tables;
        let (start, end, _) = self.piece.units.iter().find(is_tables)?;
        dunlin_module::targets(&self.region.code(self.piece)[*start as usize..*end as usize])
    }

    /// The ways in: types, and addresses.
    pub(super) fn ways_in(self) -> impl Iterator<Item = (u32, usize)> + use<'a> {
        self.piece.units.iter().filter_map(move |(start, _, unit)| match unit {
            Unit::Enter(ty) => Some((*ty, self.piece.base + *start as usize)),
            _ => None,
        })
    }

    /// The ways into loops that are units: functions, the offsets of the loops' first operators, and addresses.
    pub(crate) fn loops(self) -> impl Iterator<Item = (u32, u32, usize)> + use<'a> {
        self.piece.units.iter().filter_map(move |(start, _, unit)| match unit {
            Unit::Loop(func, at) => Some((*func, *at, self.address(*start))),
            _ => None,
        })
    }

    /// The address of what is at an offset.
    pub(crate) fn address(self, offset: u32) -> usize {
        self.piece.base + offset as usize
    }

    /// The units that are code: where each is, and its bytes.
    pub(super) fn pieces(self) -> impl Iterator<Item = (Unit, usize, &'a [u8])> {
        let (base, bytes) = (self.piece.base, self.region.code(self.piece));
        let units = self.piece.units.iter().filter(|(.., unit)| *unit != Unit::Tables);
        units.map(move |(start, end, unit)| {
            (*unit, base + *start as usize, &bytes[*start as usize..*end as usize])
        })
    }

    /// From which address on code is of an offset in the module, within `len` bytes from `address`
    /// on; 0 is none.
    pub(super) fn places(self, address: usize, len: usize) -> impl Iterator<Item = (u64, u32)> {
        self.piece.places(address, len)
    }
}

impl core::fmt::Debug for PlacedCode<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PlacedCode").field("bytes", &self.piece.bytes).finish_non_exhaustive()
    }
}

impl Drop for NativeCode {
    fn drop(&mut self) {
        map::remove(&self.region);
    }
}

impl core::fmt::Debug for NativeCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NativeCode").field("bytes", &self.bytes_len()).finish_non_exhaustive()
    }
}
