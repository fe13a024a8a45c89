//! Types of the embedder's own as records, variants, enumerations and flags of components.

/// Makes a struct that stands for a record, whose fields are found by the names that follow them.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Store};
/// use dunlin_component::{Component, Linker, record};
///
/// record! {
///     /// A place in the plane.
///     #[derive(Clone, Copy, Debug, PartialEq)]
///     pub struct Point {
///         /// To the right.
///         pub x: i32 => "x",
///         /// Up.
///         pub y: i32 => "y",
///     }
/// }
///
/// let engine = Engine::default();
/// let component = Component::new(&engine, r#"
///     (component
///         (type $p' (record (field "x" s32) (field "y" s32)))
///         (export $p "point" (type $p'))
///         (core module $m (memory (export "memory") 1)
///             (func (export "turn") (param $x i32) (param $y i32) (result i32)
///                 (i32.store (i32.const 8) (i32.sub (i32.const 0) (local.get $y)))
///                 (i32.store (i32.const 12) (local.get $x))
///                 (i32.const 8)))
///         (core instance $i (instantiate $m))
///         (func (export "turn") (param "p" $p) (result $p)
///             (canon lift (core func $i "turn") (memory (core memory $i "memory")))))
/// "#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
/// let turn = instance.get_typed_func::<(Point,), Point>(&mut store, "turn")?;
/// assert_eq!(turn.call(&mut store, (Point { x: 3, y: 4 },))?, Point { x: -4, y: 3 });
/// # Ok::<(), dunlin::Error>(())
/// ```
#[macro_export]
macro_rules! record {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $ty:ty => $text:literal),* $(,)?
    }) => {
        $(#[$meta])* $vis struct $name { $($(#[$field_meta])* $field_vis $field: $ty),* }

        const _: () = {
            use $crate::custom as p;

            const COUNT: usize = [$($text),*].len();
            const PLACES: ([(u32, u32); COUNT], p::Layout) =
                p::places([$(<$ty as $crate::ComponentType>::LAYOUT),*]);

            impl $crate::ComponentType for $name {
                const LAYOUT: p::Layout = PLACES.1;

                fn check(
                    types: &p::TypeTable,
                    ty: p::TypeId,
                    known: &p::Known<'_>,
                ) -> p::Result<()> {
                    let fields = p::fields(types, ty, &[$($text),*], stringify!($name))?;
                    let mut at = 0;
                    $(<$ty as $crate::ComponentType>::check(types, fields[at], known)?; at += 1;)*
                    let _ = at;
                    Ok(())
                }
            }

            impl $crate::Lift for $name {
                fn lift<T: 'static>(
                    cx: &mut p::Cx<'_, '_, T>,
                    from: p::From<'_>,
                ) -> p::Result<Self> {
                    let mut places = PLACES.0.iter();
                    let mut next = || {
                        let place = places.next().copied().unwrap_or_default();
                        from.part(place.0, place.1)
                    };
                    Ok(Self { $($field: <$ty as $crate::Lift>::lift(cx, next())?),* })
                }
            }

            impl $crate::Lower for $name {
                fn lower<T: 'static>(
                    &self,
                    cx: &mut p::Cx<'_, '_, T>,
                    to: &mut p::To<'_>,
                ) -> p::Result<()> {
                    let mut places = PLACES.0.iter();
                    $(
                        let place = places.next().copied().unwrap_or_default();
                        <$ty as $crate::Lower>::lower(&self.$field, cx, &mut to.part(place.0, place.1))?;
                    )*
                    Ok(())
                }
            }
        };
    };
}

/// Makes an enum that stands for a variant, whose cases are found by the names that follow them. A case has a payload or
/// none.
///
/// # Examples
///
/// ```
/// dunlin_component::variant! {
///     /// Which of them are meant.
///     #[derive(Debug, PartialEq)]
///     pub enum Filter {
///         /// All of them.
///         All => "all",
///         /// Those whose names begin so.
///         Named(String) => "named",
///     }
/// }
/// assert_ne!(Filter::All, Filter::Named("a".into()));
/// ```
#[macro_export]
macro_rules! variant {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$case_meta:meta])* $case:ident $(($ty:ty))? => $text:literal),* $(,)?
    }) => {
        $(#[$meta])* $vis enum $name { $($(#[$case_meta])* $case $(($ty))?),* }

        const _: () = {
            use $crate::custom as p;

            const NAMES: &[&str] = &[$($text),*];
            const VARIANT: (p::Layout, u32, u32) = p::variant_of(
                &[$($(<$ty as $crate::ComponentType>::LAYOUT,)?)*],
                NAMES.len(),
            );

            impl $crate::ComponentType for $name {
                const LAYOUT: p::Layout = VARIANT.0;

                fn check(
                    types: &p::TypeTable,
                    ty: p::TypeId,
                    known: &p::Known<'_>,
                ) -> p::Result<()> {
                    let cases = p::cases(types, ty, NAMES, stringify!($name))?;
                    let mut at = 0;
                    $(
                        let checks: &[p::Check] = &[$(<$ty as $crate::ComponentType>::check)?];
                        p::check_payload(types, cases[at], checks.first(), known, $text)?;
                        at += 1;
                    )*
                    let _ = at;
                    Ok(())
                }
            }

            impl $crate::Lift for $name {
                fn lift<T: 'static>(
                    cx: &mut p::Cx<'_, '_, T>,
                    from: p::From<'_>,
                ) -> p::Result<Self> {
                    let case = from.small(cx, VARIANT.1)?;
                    let mut at = 0;
                    $(
                        if case == at {
                            return Ok(Self::$case $((
                                <$ty as $crate::Lift>::lift(cx, from.part(VARIANT.2, 1))?
                            ))?);
                        }
                        at += 1;
                    )*
                    Err(p::no_case(case, at))
                }
            }

            impl $crate::Lower for $name {
                fn lower<T: 'static>(
                    &self,
                    cx: &mut p::Cx<'_, '_, T>,
                    to: &mut p::To<'_>,
                ) -> p::Result<()> {
                    let mut at = 0_u64;
                    $(
                        if let Self::$case { .. } = self {
                            to.number(cx, VARIANT.1, at)?;
                            $(
                                let Self::$case(payload) = self else { return Ok(()) };
                                <$ty as $crate::Lower>::lower(payload, cx, &mut to.part(VARIANT.2, 1))?;
                            )?
                            return Ok(());
                        }
                        at += 1;
                    )*
                    let _ = at;
                    Ok(())
                }
            }
        };
    };
}

/// Makes an enum without payloads that stands for an `enum`, whose cases are found by the names that follow them.
///
/// # Examples
///
/// ```
/// dunlin_component::enumeration! {
///     /// The colour of a traffic light.
///     #[derive(Clone, Copy, Debug, PartialEq, Eq)]
///     pub enum Light {
///         /// Stop.
///         Red => "red",
///         /// Go.
///         Green => "green",
///     }
/// }
/// assert_ne!(Light::Red, Light::Green);
/// ```
#[macro_export]
macro_rules! enumeration {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$case_meta:meta])* $case:ident => $text:literal),* $(,)?
    }) => {
        $(#[$meta])* $vis enum $name { $($(#[$case_meta])* $case),* }

        const _: () = {
            use $crate::custom as p;

            const NAMES: &[&str] = &[$($text),*];
            const VARIANT: (p::Layout, u32, u32) = p::variant_of(&[], NAMES.len());

            impl $crate::ComponentType for $name {
                const LAYOUT: p::Layout = VARIANT.0;

                fn check(types: &p::TypeTable, ty: p::TypeId, _: &p::Known<'_>) -> p::Result<()> {
                    p::check_enum(types, ty, NAMES, stringify!($name))
                }
            }

            impl $crate::Lift for $name {
                fn lift<T: 'static>(
                    cx: &mut p::Cx<'_, '_, T>,
                    from: p::From<'_>,
                ) -> p::Result<Self> {
                    let case = from.small(cx, VARIANT.1)?;
                    let mut at = 0;
                    $(if case == at { return Ok(Self::$case) } at += 1;)*
                    Err(p::no_case(case, at))
                }
            }

            impl $crate::Lower for $name {
                fn lower<T: 'static>(
                    &self,
                    cx: &mut p::Cx<'_, '_, T>,
                    to: &mut p::To<'_>,
                ) -> p::Result<()> {
                    let mut at = 0_u64;
                    $(
                        if let Self::$case = self {
                            return to.number(cx, VARIANT.1, at);
                        }
                        at += 1;
                    )*
                    let _ = at;
                    Ok(())
                }
            }
        };
    };
}

/// Makes a set of bits that stands for `flags`, whose members are found by the names that follow them.
///
/// # Examples
///
/// ```
/// dunlin_component::flags! {
///     /// What may be done with a file.
///     pub struct Access {
///         /// It may be read.
///         READ => "read",
///         /// It may be written.
///         WRITE => "write",
///     }
/// }
/// let both = Access::READ | Access::WRITE;
/// assert!(both.contains(Access::READ) && !Access::READ.contains(both));
/// assert_eq!(Access::default().bits(), 0);
/// ```
#[macro_export]
macro_rules! flags {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$flag_meta:meta])* $flag:ident => $text:literal),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        $vis struct $name(u32);

        $crate::flags!(@members $name 0; $($(#[$flag_meta])* $flag,)*);

        impl $name {
            /// The bits of the members.
            #[must_use]
            pub const fn bits(self) -> u32 {
                self.0
            }

            /// Whether all members of the other are members of this.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }
        }

        impl ::std::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        const _: () = {
            use $crate::custom as p;

            const NAMES: &[&str] = &[$($text),*];
            const BYTES: u32 = p::flag_bytes(NAMES.len());

            impl $crate::ComponentType for $name {
                const LAYOUT: p::Layout = p::scalar(BYTES);

                fn check(types: &p::TypeTable, ty: p::TypeId, _: &p::Known<'_>) -> p::Result<()> {
                    p::check_flags(types, ty, NAMES, stringify!($name))
                }
            }

            impl $crate::Lift for $name {
                fn lift<T: 'static>(
                    cx: &mut p::Cx<'_, '_, T>,
                    from: p::From<'_>,
                ) -> p::Result<Self> {
                    Ok(Self(from.small(cx, BYTES)? & p::mask(NAMES.len())))
                }
            }

            impl $crate::Lower for $name {
                fn lower<T: 'static>(
                    &self,
                    cx: &mut p::Cx<'_, '_, T>,
                    to: &mut p::To<'_>,
                ) -> p::Result<()> {
                    to.number(cx, BYTES, self.0.into())
                }
            }
        };
    };
    (@members $name:ident $bit:expr; $(#[$meta:meta])* $flag:ident, $($rest:tt)*) => {
        impl $name {
            $(#[$meta])*
            pub const $flag: Self = Self(1 << ($bit));
        }
        $crate::flags!(@members $name $bit + 1; $($rest)*);
    };
    (@members $name:ident $bit:expr;) => {};
}
