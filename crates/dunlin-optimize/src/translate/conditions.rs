//! What the outcome of a condition says of references: where it holds, and where it does not, something is known.

use super::Translator;
use super::facts::Fact;
use cranelift_codegen::ir::Value;
use dunlin_core::{HeapType, RefType};

/// What a condition asks of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Whether it is null.
    Null(Value),
    /// Whether it is not.
    NotNull(Value),
    /// Whether it is of a type.
    Is(Value, RefType),
    /// Whether it is not.
    IsNot(Value, RefType),
    /// It may be false for another reason as well.
    AndMore(Value, RefType),
}

impl Condition {
    /// The opposite, as far as it says anything.
    pub(super) fn not(self) -> Self {
        match self {
            Self::Null(value) => Self::NotNull(value),
            Self::NotNull(value) => Self::Null(value),
            Self::Is(value, ty) => Self::IsNot(value, ty),
            Self::IsNot(value, ty) => Self::Is(value, ty),
            // That it does not hold says nothing; nor does the opposite, then.
            Self::AndMore(value, _) => Self::IsNot(value, RefType::null(HeapType::Any)),
        }
    }
}

impl Translator<'_, '_> {
    /// What a value asks, as a condition.
    pub(super) fn condition(&self, value: Value) -> Option<Condition> {
        self.conditions.get(&value).copied()
    }

    /// Learns what follows from a condition that held, or did not.
    pub(super) fn learn_of(&mut self, condition: Option<Condition>, outcome: bool) {
        let Some(condition) = condition else { return };
        let holds = if outcome { condition } else { condition.not() };
        match holds {
            Condition::NotNull(value) => self.is_not_null(value),
            Condition::Is(value, ty) | Condition::AndMore(value, ty) if !ty.nullable => {
                self.is_not_null(value);
                if let HeapType::Concrete(index) = ty.heap {
                    self.learn(Fact::Is(value, index), value);
                }
            }
            _ => {}
        }
    }

    /// Notes what the value on top asks, which an `if` has left: its way behind the condition left zero, and its
    /// other way `value`.
    pub(super) fn joined(&mut self, value: Option<Value>) {
        let asked = value.and_then(|value| self.condition(value));
        if let Some(Condition::Is(reference, ty) | Condition::AndMore(reference, ty)) = asked {
            self.conditions.insert(self.top(1)[0], Condition::AndMore(reference, ty));
        }
    }
}
