//! Python's pickle, read opcode by opcode into a tree: nothing is imported, called or made. What an unpickler would
//! call is only named, with its arguments.
//!
//! Opcodes: `pickletools` of Python 3, protocols 0 to 5.

mod literal;
mod machine;
mod opcode;

use super::value::{Budget, CUT, Value};
use machine::{End, Machine};

/// Reads protocol 2 and later, which begin with their version.
pub(super) fn binary(bytes: &[u8], whole: bool, budget: &mut Budget) -> Option<Value> {
    if !matches!(bytes, [0x80, 2..=5, ..]) {
        return None;
    }
    read(bytes, whole, budget)
}

/// Reads protocols 0 and 1, which begin with nothing of their own: all of it must make sense.
pub(super) fn text(bytes: &[u8], budget: &mut Budget) -> Option<Value> {
    let begins = matches!(bytes.first()?, b'(' | b'c' | b']' | b'}' | b')' | b'i');
    if !begins || !bytes.ends_with(b".") {
        return None;
    }
    // An attempt in vain costs nothing of the bounds of the rest.
    let mut own = Budget::default();
    let value = read(bytes, true, &mut own)?;
    *budget = own;
    Some(value)
}

fn read(bytes: &[u8], whole: bool, budget: &mut Budget) -> Option<Value> {
    let mut machine = Machine::new(bytes, budget);
    let end = loop {
        match machine.step() {
            Ok(()) => {}
            Err(end) => break end,
        }
    };
    let Machine { rest, stack, .. } = machine;
    let mut values = stack.into_iter().map(|(value, _)| value);
    match end {
        End::Stop if values.len() == 1 && rest.is_empty() => values.next(),
        End::Stop | End::Bad => None,
        End::Cut if whole => None,
        End::Cut => {
            budget.stop(CUT);
            Some(Value::List(values.collect()))
        }
        End::Limit => Some(Value::List(values.collect())),
    }
}
