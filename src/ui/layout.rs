//! Who gets how many rows: pure arithmetic.

/// What a panel asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Want {
    /// Lines that hold title and heading; a panel with fewer is folded to its title.
    pub head: u16,
    /// Rows it would fill.
    pub rows: u16,
    /// Rows below which it is of no use.
    pub least: u16,
    /// It has the focus: it is never folded and grows first.
    pub focused: bool,
}

/// Heights of the panels, in order; the sum is never more than `room`. 0: not shown. What is left over belongs to
/// nobody.
pub fn share(wants: &[Want], room: u16) -> Vec<u16> {
    let mut heights: Vec<u16> = wants.iter().map(|w| w.head + w.least.min(w.rows.max(1))).collect();
    // Too small for all: fold to the title, from the last one, the focused one never.
    for folded in [1, 0] {
        for i in (0..wants.len()).rev() {
            if heights.iter().sum::<u16>() <= room {
                break;
            }
            if !wants[i].focused {
                heights[i] = heights[i].min(folded);
            }
        }
    }
    let total: u16 = heights.iter().sum();
    if total > room {
        return wants.iter().map(|w| if w.focused { room } else { 0 }).collect();
    }
    let mut left = room - total;
    loop {
        let mut grew = false;
        for (want, height) in wants.iter().zip(&mut heights) {
            let full = want.head + want.rows.max(1);
            let step = if want.focused { 2 } else { 1 };
            let add = step.min(left).min(full.saturating_sub(*height));
            // A folded panel opens only as a whole: a heading without rows says nothing.
            if *height >= want.head && add > 0 {
                *height += add;
                left -= add;
                grew = true;
            }
        }
        if !grew {
            return heights;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn want(rows: u16, focused: bool) -> Want {
        Want { head: 2, rows, least: 3, focused }
    }

    #[test]
    fn room_goes_where_rows_are() {
        assert_eq!(share(&[want(3, false), want(4, true), want(2, false)], 40), [5, 6, 4]);
        assert_eq!(share(&[want(3, false), want(50, true), want(50, false)], 21), [5, 9, 7]);
        assert_eq!(share(&[want(3, false), want(9, true), want(9, false)], 11), [5, 5, 1]);
        assert_eq!(share(&[want(3, false), want(9, true), want(9, false)], 4), [0, 4, 0]);
    }

    proptest! {
        #[test]
        fn never_more_than_there_is(rows in prop::collection::vec(0_u16..500, 1..5), room in 0_u16..100, focus in 0_usize..5) {
            let wants: Vec<Want> = rows.iter().enumerate().map(|(i, r)| want(*r, i == focus)).collect();
            prop_assert!(share(&wants, room).iter().sum::<u16>() <= room);
        }
    }
}
