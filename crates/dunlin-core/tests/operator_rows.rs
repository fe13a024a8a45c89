//! The operators' rows, seen from another crate as handlers are generated from them: codes, counts,
//! types of functions, texts.

use dunlin_core::Operator;

/// The Rust type of a word in a row.
macro_rules! rust_type {
    (v128) => {
        dunlin_core::V128
    };
    ($ty:ident) => {
        $ty
    };
}

/// The result type of a function, by the row's last word.
macro_rules! result_type {
    ($result:ident) => {
        rust_type!($result)
    };
    ($result:ident traps) => {
        Result<rust_type!($result), dunlin_core::TrapCode>
    };
}

/// Each function has the type that its row says: this compiles, or a row is wrong.
macro_rules! check_types {
    ($($code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident $($traps:ident)?;)*) => {
        $(const _: fn($(rust_type!($param)),*) -> result_type!($result $($traps)?) =
            dunlin_core::numeric::$function;)*
    };
}

/// As `check_types`, for rows that access a memory.
macro_rules! check_access_types {
    ($($code:literal $name:ident $text:literal
        $function:ident ($param:ident) -> $result:ident bytes $bytes:literal;)*) => {
        $(const _: fn(rust_type!($param)) -> rust_type!($result) =
            dunlin_core::numeric::$function;)*
    };
}

dunlin_core::for_each_numeric_operator!(check_types);
dunlin_core::for_each_saturating_operator!(check_types);
dunlin_core::for_each_load_operator!(check_access_types);
dunlin_core::for_each_store_operator!(check_access_types);

#[test]
fn codes_are_unique_and_lead_back() {
    for (number, &operator) in Operator::ALL.iter().enumerate() {
        assert_eq!(operator as usize, number, "{operator}");
        assert_eq!(
            Operator::from_code(operator.prefix(), operator.code()),
            Some(operator),
            "{operator}"
        );
    }
    assert_eq!(Operator::from_code(None, 0xFF), None);
    assert_eq!(Operator::from_code(Some(0xFD), 0x9A), None);
    assert_eq!(Operator::from_code(Some(0xFE), 0x00), None);
}
