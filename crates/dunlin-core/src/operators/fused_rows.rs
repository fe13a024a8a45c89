//! Sequences of operators that one handler of the interpreter executes, as rows.
//!
//! A body's private copy may have the first opcode of such a sequence replaced by the row's code, which
//! no valid module contains; all other bytes stay. Whoever does not know a row executes its first
//! operator instead and goes on behind that: the sequence is only a faster spelling of itself.

/// Calls a macro with the rows of the sequences that are fused, the more often executed ones first where
/// it matters to a reader only: `code (Name Name …) Handler;`.
///
/// The names are operators, of which only the last may branch and none but the first and the last may
/// trap. Their immediates are in the spelling that fits in one byte (a memory argument: two bytes). The
/// handler is a type of `dunlin_interp`. A row is `weak` if its last operator had better begin a longer
/// sequence where it can.
///
/// Which sequences pay was counted over the benchmarks' kernels; see `docs/rationale/008`.
#[macro_export]
macro_rules! for_each_fused_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x16 (F64Mul F64Add) MultiplyAdd;
            0x17 (Select LocalTee) SelectTee;
            0x1D (LocalGet I32Store) StoreGet<I32Store>;
            0x1E (I32Const I32Eq BrIf) Compute<TopConst, I32Eq, Branch>;
            0x27 (I32GtU BrIf) Compute<Operands, I32GtU, Branch>;
            0xC5 (LocalGet LocalGet) GetGet weak;
            0xC6 (LocalGet LocalGet LocalGet) GetGetGet weak;
            0xC7 (LocalSet LocalGet) SetGet weak;
            0xC8 (LocalTee LocalGet) TeeGet weak;
            0xC9 (LocalGet LocalSet) Copy;
            0xCA (I32Const LocalSet) SetConst;
            0xCB (LocalGet I32Const I32Add) Compute<GetConst, I32Add, Push>;
            0xCC (LocalGet I32Const I32Add LocalTee) Compute<GetConst, I32Add, Tee>;
            0xCD (LocalGet I32Const I32Add LocalSet) Compute<GetConst, I32Add, Set>;
            0xCE (LocalGet LocalGet I32Add) Compute<Gets, I32Add, Push>;
            0xCF (LocalGet LocalGet I32Add LocalTee) Compute<Gets, I32Add, Tee>;
            0xD7 (LocalGet I32Add) Compute<TopGet, I32Add, Push>;
            0xD8 (LocalGet I64Xor) Compute<TopGet, I64Xor, Push>;
            0xD9 (LocalGet I64Xor LocalTee) Compute<TopGet, I64Xor, Tee>;
            0xDA (LocalGet F64Mul) Compute<TopGet, F64Mul, Push>;
            0xDB (I32Const I32Add) Compute<TopConst, I32Add, Push>;
            0xDC (I32Const I32And) Compute<TopConst, I32And, Push>;
            0xDD (I32Const I32Shl) Compute<TopConst, I32Shl, Push>;
            0xDE (I32Const I32ShrU) Compute<TopConst, I32ShrU, Push>;
            0xDF (I32Const I32Ne BrIf) Compute<TopConst, I32Ne, Branch>;
            0xEB (I32Const I32LtU BrIf) Compute<TopConst, I32LtU, Branch>;
            0xEC (I64Const I64Shl) Compute<TopConst, I64Shl, Push>;
            0xED (I64Const I64ShrU) Compute<TopConst, I64ShrU, Push>;
            0xEE (I64Const I64Add) Compute<TopConst, I64Add, Push>;
            0xEF (I32Add LocalTee) Compute<Operands, I32Add, Tee>;
            0xF0 (I32Add LocalSet) Compute<Operands, I32Add, Set>;
            0xF1 (I32Ne BrIf) Compute<Operands, I32Ne, Branch>;
            0xF2 (I32LtU BrIf) Compute<Operands, I32LtU, Branch>;
            0xF3 (I64Ne BrIf) Compute<Operands, I64Ne, Branch>;
            0xF4 (I32Eqz BrIf) EqzBranch;
            0xF5 (LocalTee BrIf) TeeBranch;
            0xF6 (LocalGet I32Load) GetLoad<I32Load, Push>;
            0xF7 (LocalGet I32Load LocalTee) GetLoad<I32Load, Tee>;
            0xF8 (LocalGet I32Load8U) GetLoad<I32Load8U, Push>;
            0xF9 (LocalGet F64Load) GetLoad<F64Load, Push>;
            0xFA (LocalGet I64Load) GetLoad<I64Load, Push>;
        }
    };
}
