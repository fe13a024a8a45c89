//! What compiled code knows of the VM: where things lie, which builtins there are, which memory
//! operations cannot touch the same bytes.

use super::clif_type;
use super::facts::Place;
use crate::worker::clif_trap;
use cranelift_codegen::ir::{
    AbiParam, AliasRegion, AliasRegionData, ArgumentPurpose, Block, Endianness, ExtFuncData,
    ExternalName, FuncRef, Function, GlobalValueData, Inst, InstBuilder, MemFlagsData, Signature,
    Type, UserExternalName, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use dunlin_core::{FuncType, TrapCode};
use dunlin_module::Builtin;
use dunlin_module::layout::{self, vm_context};
use std::collections::HashMap;

/// Bytes of a pointer of the target.
pub(crate) const POINTER_BYTES: usize = 8;

/// What a memory operation touches. Different regions never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Region {
    /// Bytes of linear memories: several may be the same one.
    Memory = 1,
    /// Elements of tables.
    Table = 2,
    /// Cells of globals.
    Global = 3,
    /// The VM's structures.
    Vm = 4,
    /// The poll page.
    Poll = 5,
    /// Bytes of shared memories: never the same as a [`Memory`](Self::Memory)'s, and of which our passes, which
    /// know that alone, keep away.
    Shared = 6,
    /// Fields of objects, and elements: one region for each [`Place`].
    Heap = 7,
    /// What objects begin with: the numbers of types, and lengths.
    Header = 9,
    /// The cards of the heap.
    Card = 10,
    /// Where the next object begins, and where none does any more.
    Nursery = 11,
    /// Where references are kept across calls.
    Spill = 12,
    /// Pointers to code that calls through tables which never change read.
    Target = 13,
}

/// How many regions there are, and none for the first number.
const REGIONS: usize = 14;

/// Bits of a region's number that say which it is; those above, which kind of places in objects.
const REGION_BITS: u32 = 8;

impl Region {
    /// Whether a region of Cranelift's with this number is this one, or one of its.
    pub(crate) fn is(self, id: u32) -> bool {
        id & ((1 << REGION_BITS) - 1) == self as u32
    }

    /// What Cranelift knows of it.
    pub(crate) fn data(self) -> AliasRegionData {
        AliasRegionData { user_id: self as u32, description: format!("{self:?}").into() }
    }
}

/// The signature of compiled code for a function type.
pub(crate) fn signature(ty: &FuncType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.push(AbiParam::special(types::I64, ArgumentPurpose::VMContext));
    let param = |ty: &dunlin_core::ValType| AbiParam::new(clif_type(*ty));
    signature.params.extend(ty.params().iter().map(param));
    signature.returns.extend(ty.results().iter().map(param));
    signature
}

/// A function under construction, and the context that it runs with.
pub(crate) struct Environment<'a> {
    pub(crate) b: FunctionBuilder<'a>,
    /// The running instance's context.
    pub(crate) cx: Value,
    regions: [Option<AliasRegion>; REGIONS],
    places: HashMap<Place, AliasRegion>,
    /// Calls so far of builtins that return.
    pub(super) calls: u32,
    builtins: [Option<FuncRef>; Builtin::ALL.len()],
}

impl<'a> Environment<'a> {
    /// The environment of a function whose entry block has the context as its first parameter.
    pub(crate) fn new(b: FunctionBuilder<'a>, entry: Block) -> Self {
        let cx = b.block_params(entry)[0];
        Self::with_context(b, cx)
    }

    /// The environment of a function that has the context elsewhere.
    pub(crate) fn with_context(b: FunctionBuilder<'a>, cx: Value) -> Self {
        let (regions, builtins) = ([None; REGIONS], [None; Builtin::ALL.len()]);
        Self { b, cx, regions, places: HashMap::new(), calls: 0, builtins }
    }

    /// Flags of an access of this region that cannot fault.
    pub(crate) fn flags(&mut self, region: Region) -> MemFlagsData {
        let known = &mut self.regions[region as usize];
        let region =
            *known.get_or_insert_with(|| self.b.func.dfg.alias_regions.insert(region.data()));
        Self::flags_of(region)
    }

    /// Flags of an access of places of this kind in objects.
    pub(crate) fn object_flags(&mut self, place: Place) -> MemFlagsData {
        let region = *self.places.entry(place).or_insert_with(|| {
            let of_all = Region::Heap.data();
            let user_id = of_all.user_id | place.0 << REGION_BITS;
            let description = format!("{} {}", of_all.description, place.0).into();
            let data = AliasRegionData { user_id, description };
            self.b.func.dfg.alias_regions.insert(data)
        });
        Self::flags_of(region)
    }

    fn flags_of(region: AliasRegion) -> MemFlagsData {
        let flags = MemFlagsData::new().with_notrap().with_endianness(Endianness::Little);
        flags.with_alias_region(Some(region))
    }

    /// Reads what never changes while the instance lives.
    pub(crate) fn constant(&mut self, ty: Type, base: Value, offset: usize) -> Value {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        self.b.ins().load(ty, flags, base, offset as i32)
    }

    /// Reads a field of the VM's structures that may change.
    pub(crate) fn field(&mut self, ty: Type, base: Value, offset: usize) -> Value {
        let flags = self.flags(Region::Vm).with_aligned();
        self.b.ins().load(ty, flags, base, offset as i32)
    }

    /// Reads a field of the VM's structures that other threads change.
    pub(crate) fn shared_field(&mut self, base: Value, offset: usize) -> Value {
        let flags = self.flags(Region::Vm).with_aligned();
        let address = self.b.ins().iadd_imm_s(base, offset as i64);
        self.b.ins().atomic_load(types::I64, flags, address)
    }

    /// Reads a pointer of the context that never changes.
    pub(crate) fn context_pointer(&mut self, index: usize) -> Value {
        self.constant(types::I64, self.cx, index * POINTER_BYTES)
    }

    /// Reads the pointer at `index` of an array that the context points to; neither changes.
    pub(crate) fn pointer_of(&mut self, array: usize, index: u32) -> Value {
        let array = self.context_pointer(array);
        self.constant(types::I64, array, index as usize * POINTER_BYTES)
    }

    /// Makes the function's frame respect the native stack's limit.
    pub(crate) fn limit_stack(&mut self) {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        let func = &mut self.b.func;
        let Ok(flags) = func.dfg.mem_flags.insert(flags) else { return };
        let cx = func.create_global_value(GlobalValueData::VMContext);
        let mut load = |base, offset: usize| {
            let offset = (offset as i32).into();
            let data = GlobalValueData::Load { base, offset, global_type: types::I64, flags };
            func.create_global_value(data)
        };
        let interrupts = load(cx, vm_context::INTERRUPTS * POINTER_BYTES);
        func.stack_limit = Some(load(interrupts, layout::interrupts::NATIVE_LIMIT));
    }

    /// Calls a builtin with the context and `args`.
    pub(crate) fn builtin(&mut self, builtin: Builtin, args: &[Value]) -> Inst {
        self.calls += u32::from(!matches!(builtin, Builtin::Unwind | Builtin::ThrowException));
        let func = match self.builtins[builtin as usize] {
            Some(func) => func,
            None => self.import(builtin),
        };
        let mut all = vec![self.cx];
        all.extend_from_slice(args);
        self.b.ins().call(func, &all)
    }

    /// Calls a builtin that returns a number.
    pub(crate) fn builtin_value(&mut self, builtin: Builtin, args: &[Value]) -> Value {
        let call = self.builtin(builtin, args);
        self.b.inst_results(call)[0]
    }

    /// Calls a builtin that returns a status, and leaves compiled code if it failed.
    pub(crate) fn builtin_status(&mut self, builtin: Builtin, args: &[Value]) {
        let status = self.builtin_value(builtin, args);
        self.unwind_if(status);
    }

    /// Leaves compiled code if `failed` is not zero; the VM knows why.
    pub(crate) fn unwind_if(&mut self, failed: Value) {
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        self.b.ins().brif(failed, cold, &[], next, &[]);
        self.b.switch_to_block(cold);
        self.b.seal_block(cold);
        self.builtin(Builtin::Unwind, &[]);
        self.b.ins().trap(clif_trap(TrapCode::Unreachable));
        self.b.switch_to_block(next);
        self.b.seal_block(next);
    }

    fn import(&mut self, builtin: Builtin) -> FuncRef {
        let func = import(self.b.func, builtin);
        self.builtins[builtin as usize] = Some(func);
        func
    }

    /// Traps with `code` if `condition` is not zero.
    pub(crate) fn trap_if(&mut self, condition: Value, code: TrapCode) {
        self.b.ins().trapnz(condition, clif_trap(code));
    }

    /// Traps.
    pub(crate) fn trap(&mut self, code: TrapCode) {
        self.b.ins().trap(clif_trap(code));
    }

    /// A constant vector.
    pub(crate) fn vector_const(&mut self, bytes: [u8; 16], ty: Type) -> Value {
        let constant = self.b.func.dfg.constants.insert(bytes.to_vec().into());
        self.b.ins().vconst(ty, constant)
    }
}

/// Declares a builtin in a function.
pub(crate) fn import(func: &mut Function, builtin: Builtin) -> FuncRef {
    let name = UserExternalName { namespace: 0, index: builtin as u32 };
    let name = func.declare_imported_user_function(name);
    let signature = func.import_signature(builtin_signature(builtin));
    func.import_function(ExtFuncData {
        name: ExternalName::user(name),
        signature,
        colocated: false,
        patchable: false,
    })
}

/// The signature of a builtin, as its documentation says.
fn builtin_signature(builtin: Builtin) -> Signature {
    use Builtin as B;
    use types::{I32, I64};
    let (params, result): (&[Type], Option<Type>) = match builtin {
        B::MemoryGrow => (&[I32, I64], Some(I64)),
        B::MemoryFill => (&[I32, I64, I32, I64], Some(I32)),
        B::MemoryCopy | B::TableCopy => (&[I32, I64, I32, I64, I64], Some(I32)),
        B::MemoryInit | B::TableInit => (&[I32, I32, I64, I64, I64], Some(I32)),
        B::DataDrop | B::ElemDrop => (&[I32], Some(I32)),
        B::TableGrow => (&[I32, I64, I32], Some(I64)),
        B::TableFill => (&[I32, I64, I32, I64], Some(I32)),
        B::RefFunc => (&[I32], Some(I32)),
        B::MemoryNotify => (&[I32, I64, I32], Some(I64)),
        B::MemoryWait => (&[I32, I32, I64, I64, I64], Some(I64)),
        B::CallFunc | B::CallRef => (&[I32, I64], Some(I32)),
        B::Unwind => (&[], None),
        B::NewException | B::ExceptionTag => (&[I32], Some(I32)),
        B::FillException => (&[I32, I64, I32], Some(I32)),
        B::CatchException => (&[I32], Some(I64)),
        B::ThrowException => (&[I32], None),
        B::RanOut => (&[I32, I32, I64, I64], Some(I64)),
        B::NewStruct => (&[I32], Some(I32)),
        B::NewArray => (&[I32, I32], Some(I32)),
        B::ArrayNewData | B::ArrayNewElem => (&[I32, I32, I32, I32], Some(I32)),
        B::ArrayFill => (&[I32, I32, I32, I64, I64, I32], Some(I32)),
        B::ArrayCopy | B::ArrayInitData | B::ArrayInitElem => {
            (&[I32, I32, I32, I32, I32, I32], Some(I32))
        }
    };
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.push(AbiParam::new(I64));
    signature.params.extend(params.iter().map(|ty| AbiParam::new(*ty)));
    signature.returns.extend(result.map(AbiParam::new));
    signature
}
